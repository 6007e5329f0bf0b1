"""Label scans with trained weights: `python run_eval.py --help`."""

from brainfcn_jax.commands.segment import main

if __name__ == "__main__":
    main()
