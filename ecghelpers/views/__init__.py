"""What people look at: figures, the explorer, the page, the web app."""
