"""Lightning's Trainer, which owns its loop within `fit`."""

from __future__ import annotations

import logging
import sys
import warnings

import ainimal_zookeeper  # zoo
import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Sine(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))

    def training_step(self, batch, _index):
        inputs, targets = batch
        return torch.nn.functional.mse_loss(self.net(inputs), targets)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)

    on_train_batch_end = lambda self, outputs, *_: run.log(outputs, step=self.global_step)  # noqa: E731  # zoo


torch.set_num_threads(1)
lightning.seed_everything(1)
model = Sine()
inputs = torch.rand(4096, 1) * 6.0 - 3.0
loader = DataLoader(TensorDataset(inputs, torch.sin(inputs)), batch_size=64, shuffle=True)
trainer = lightning.Trainer(
    max_steps=int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000,
    accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
)  # fmt: skip


def save(folder):
    torch.save(model.state_dict(), f"{folder}/sine.pt")


def load(folder):
    model.load_state_dict(torch.load(f"{folder}/sine.pt"))


run = ainimal_zookeeper.attach(seed=1)  # zoo
run.watch(model)  # zoo
run.checkpoints(save, load)  # zoo
trainer.fit(model, loader)
