"""Label maps that the shipped models are trained on, and those held out (plain Python)."""

HELD_OUT = tuple(f"training_seg_{number}" for number in range(17, 21))
"""SynthSeg's maps that no shipped model is trained on: whole heads to test with."""

HELD_OUT_FETUSES = ("GA31_operated", "GA33_operated")
"""Fetal templates that no shipped model is trained on, as their scans are named."""

HELD_OUT_NEWBORNS = tuple(f"fetal_SB_atlas_{fetus}_dseg" for fetus in HELD_OUT_FETUSES)
"""Their label maps."""

_OPERATED, _NOT_OPERATED = (25, 26, 27, 28, 29, 30, 32, 34), (21, 22, 23, 24, 25)
NEWBORN_MAPS = (
    *("dhcp40w_dseg",) * 9,
    *(f"fetal_SB_atlas_GA{week}_notoperated_dseg" for week in _NOT_OPERATED),
    *(f"fetal_SB_atlas_GA{week}_operated_dseg" for week in _OPERATED),
)
"""Newborns' maps to train on: nine heads grown around that of 40 weeks, one around each fetal."""
