"""Steps of the workflows, one module each: choose jobs, pull data, connect servers, create releases, delete images."""
