"""The example zoo: `zoo up` opens it, and so does `python zoo.py`.

Copy this file, point it at your own models and worlds, and write secrets into `.env.local` beside it.
docs/configuration.md lists everything that can be said here, and how to say it in YAML or JSON instead.
"""

from pathlib import Path

from ainimal_zookeeper import (
    GymnasiumEnvironment,
    Launch,
    LocalComputeProvider,
    LocalModelProvider,
    PythonEnvironment,
    Server,
)

ainimals = Path(__file__).parent / "ainimals"

server = Server(
    name="Example zoo",
    port=3000,
    # Every model class in the files of this folder is offered; new and changed files are noticed while the zoo runs.
    # Trying them out must not write tags into the git repository that they came with.
    model_providers=[LocalModelProvider(root=ainimals, push_checkpoints=False)],
    environments=[
        # A registered Gymnasium environment. What `create_params` lists is asked for at launch, and goes where
        # `init_params` says.
        GymnasiumEnvironment(
            "CartPole-v1",
            name="CartPole",
            create_params=[
                {
                    "name": "longest",
                    "display": "Longest episode",
                    "type": "int",
                    "default": 500,
                    "range": [10, 100_000],
                    "description": "Steps after which an episode ends although the pole still stands.",
                }
            ],
            init_params={"max_episode_steps": "${params.longest}"},
        ),
        # Worlds of our own. At most five people at once may play Catch.
        PythonEnvironment(ainimals / "catcher.py", class_name="Catch", max_instances=5),
        # Two may join each game of Pong: launch it, then launch two players into it.
        PythonEnvironment(ainimals / "pong.py", class_name="Pong", max_connected=2, step_timeout=0.5),
    ],
    # Instances run as processes of this machine, ten at most.
    compute_providers=[LocalComputeProvider(name="this machine")],
    max_models=10,
    max_envs=10,
    # What runs from the start: an agent that learns to balance while you look at it.
    launch=[Launch(model="Balancer", environment="CartPole", name="Learning to balance")],
)

if __name__ == "__main__":
    server.listen()
