"""The tables of journeys, and the statements on them; all but the reading ones follow `tables.lock`."""
