"""`make docs`: the documentation as a site, with a reference made from the code."""
