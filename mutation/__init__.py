"""Changes the code a little, many times, and looks whether a test notices."""
