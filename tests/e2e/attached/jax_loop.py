"""A JAX loop: the same sine, with parameters in a tree and the update compiled."""

from __future__ import annotations

import argparse

import ainimal_zookeeper  # zoo
import jax
import jax.numpy as jnp
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=1_000_000)
args = parser.parse_args()


def predict(params, inputs):
    hidden = jnp.tanh(inputs @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    return hidden @ params["out"]["kernel"] + params["out"]["bias"]


@jax.jit
def update(params, inputs):
    def loss_of(params):
        return jnp.mean((predict(params, inputs) - jnp.sin(inputs)) ** 2)

    loss, gradients = jax.value_and_grad(loss_of)(params)
    return jax.tree.map(lambda value, gradient: value - 0.05 * gradient, params, gradients), loss


def layer(key, width, height):
    return {"kernel": jax.random.normal(key, (width, height)) / width**0.5, "bias": jnp.zeros(height)}


def save(folder):
    np.savez(f"{folder}/params.npz", *jax.tree.leaves(params))


def load(folder):
    saved = np.load(f"{folder}/params.npz")
    params.update(jax.tree.unflatten(jax.tree.structure(params), [saved[name] for name in saved.files]))


keys = jax.random.split(jax.random.key(1), 2)
params = {"hidden": layer(keys[0], 1, 32), "out": layer(keys[1], 32, 1)}
run = ainimal_zookeeper.attach(seed=1)  # zoo
run.watch(lambda: params)  # zoo
run.checkpoints(save, load)  # zoo
for step in range(args.steps):
    inputs = jax.random.uniform(jax.random.key(step), (64, 1), minval=-3.0, maxval=3.0)
    params, loss = update(params, inputs)
    run.log({"loss": loss}, step=step)  # zoo
