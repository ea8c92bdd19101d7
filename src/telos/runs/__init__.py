"""The run folder: what a training leaves behind, and how it goes on.

    RUN/
      config.json         the resolved configuration
      env.json            machine, versions, commit, command line
      metrics.jsonl       one JSON object per line: step, seconds, phase, named numbers
      checkpoints/        the newest two, each one file that holds everything
      model.safetensors   the final model, its configuration in the header
      model.json          the same configuration for people
      features/           of a frozen network, while a training needs them
      decoder.safetensors, imagined.png
                          latents as pictures, for people only, if wanted
      diagnostics.json, evaluations/NAME/evaluation.json + traces.npz

Nothing is pickled. Importing this room does not import torch.
"""

from telos.runs.checkpoint import Checkpoint as Checkpoint
from telos.runs.interrupt import Interrupt as Interrupt
from telos.runs.lock import sole_writer as sole_writer
from telos.runs.run import Run as Run
from telos.runs.state import flatten_generators as flatten_generators
from telos.runs.state import flatten_optimizer as flatten_optimizer
from telos.runs.state import restore_generators as restore_generators
from telos.runs.state import restore_optimizer as restore_optimizer
from telos.runs.tensor_file import load_tensors as load_tensors
from telos.runs.tensor_file import save_tensors as save_tensors
