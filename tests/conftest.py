"""What holds for every test."""

from hypothesis import settings

pytest_plugins = ["tests.mailbox_server"]

# how long one example takes says more about the machine than about the code; speed is measured in `bench/`
settings.register_profile("house", deadline=None)
settings.load_profile("house")
