"""What controls the emulator: the side channel, behaviours, faults, seeds, and edits of people in PAL Maker."""
