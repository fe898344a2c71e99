"""From a frame to a sealed bundle; needed where models are made, never where they answer."""
