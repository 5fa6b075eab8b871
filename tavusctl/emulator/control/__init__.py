"""What steers a world: the side channel, behaviours, faults, seeds, and people in PAL Maker."""
