"""A zoo with a secret: its model is given one, prints it, and quotes it when it fails."""

from __future__ import annotations

SECRET = "sk-hunter2-hunter2"
OTHER = "other-swordfish-swordfish"
CONFIGURATION = """
name: discreet
models:
  - path: models/caller.py
    class_name: Caller
    create_params: [{name: note, type: str, default: hello}]
    init_params: {key: 'Bearer ${env.OPENAI_KEY}', note: '${params.note}'}
environments: [{name: cartpole, type: gymnasium, env_name: '${env.WORLD}'}]
"""
FILES = {
    "models/caller.py": """
import hashlib

class Caller:
    def __init__(self, key, note):
        print("digest", hashlib.sha256(key.encode()).hexdigest())
        print("note", note)
        print("my key is", key)
        if note == "fail":
            raise ValueError(f"{key} was refused")

    def act(self, observation):
        return 1

    def save(self, path):
        open(path + "/saved", "w").close()

    def load(self, path):
        pass
""",
    ".env.local": f"OPENAI_KEY={SECRET}\nOTHER_KEY={OTHER}\nWORLD=CartPole-v1\n",
}
