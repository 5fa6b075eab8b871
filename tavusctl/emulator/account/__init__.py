"""The data of the emulator: objects, a clock, and the records of requests and changes."""
