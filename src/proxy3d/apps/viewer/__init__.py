"""See a scene and an answer in a browser."""

from proxy3d.apps.viewer.page import page_html, write_page

__all__ = ["page_html", "write_page"]
