"""Train the network: `python run_train.py --help`."""

from brainfcn_jax.commands.train import main

if __name__ == "__main__":
    main()
