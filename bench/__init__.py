"""What the library costs, each time beside a reference that is measured in the same run."""
