"""The demo's server in a thread, with a network that is a function."""

import contextlib
import threading

import httpx
import likeness

from jaxletters.demo import server, serving


@contextlib.contextmanager
def serving_with(call, names=likeness.NAMES, **options):
    """A client of the real server, in a thread, on a network that is a function."""
    classifier = likeness.reader(call, names)
    with serving.listen("127.0.0.1", 0) as listening:
        served = serving.server(server.build(classifier, "127.0.0.1", **options))
        thread = threading.Thread(target=served.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with httpx.Client(
                base_url=serving.url(listening), trust_env=False, timeout=60
            ) as client:
                yield client
        finally:
            served.should_exit = True
            thread.join()
