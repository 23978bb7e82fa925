"""The service: a page and a REST interface over the same `Colorizer`. Needs the extra `serve`."""
