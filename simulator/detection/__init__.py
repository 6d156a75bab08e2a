"""Training and measuring the detector of WITNESS. No part of a run: a run only reads finished weights."""
