"""What the example needs around the library: data, a callback address, a report."""
