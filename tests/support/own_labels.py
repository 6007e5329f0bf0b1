"""A table of labels that are nobody's tissues: what a model of one's own may tell apart."""

from brainfcn_jax.labels import Label, LabelTable

OWN = LabelTable(
    (
        Label(1, "lesion", "Lesion", (255, 0, 16)),
        Label(2, "cyst", "Cyst", (0, 128, 255), "ventricle", 3),
        Label(3, "œdème", "Oedema", (1, 2, 3), "other"),
    )
)
"""Three labels of two kinds, which do not fill the brain; one has a BIDS code."""
