"""The server as a user starts it and as strangers ask it: a real process, real sockets."""

import contextlib
import http.client
import json
import re
import resource
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from surefoot.studies.database import Database
from surefoot.studies.study import Study


@contextlib.contextmanager
def playing(*more):
    command = [sys.executable, "-m", "surefoot", "play", "--no-browser", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        yield process, int(re.search(r":(\d+)/", line)[1])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def port():
    with playing("--port", "0") as (_, number):
        yield number


def ask(port, path, *, host=None, method="GET", headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    for name in [f"localhost:{port}"] if host is None else host:
        connection.putheader("Host", name)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_the_page_and_its_parts_are_there(port):
    response, body = ask(port, "/")
    assert response.status == 200
    for part in re.findall(rb'"(/static/[^"]+)"', body):
        assert ask(port, part.decode())[0].status == 200
    assert "default-src 'none'" in response.getheader("Content-Security-Policy")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
def test_our_own_names_are_let_in(port, name):
    assert ask(port, "/api/gallery", host=[f"{name}:{port}"])[0].status == 200


@pytest.mark.parametrize(
    "hosts",
    [["evil.example:{}"], ["localhost"], ["localhost:1"], ["localhost.evil.example:{}"], [""], ["localhost:{}", "a"]],
)
@pytest.mark.parametrize("path", ["/", "/api/gallery", "/static/main.js", "/nothing"])
def test_other_names_are_refused_in_one_line(port, hosts, path):
    response, body = ask(port, path, host=[each.format(port) for each in hosts])
    assert response.status == 400
    if response.getheader("Content-Type") == "application/json":
        said = json.loads(body)
        assert "\n" not in said["error"]
        assert f"localhost:{port}" in said["error"]
        assert said["hint"] == f"open http://localhost:{port}/."


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/descent?steps=1e9&recipe=sgd()", "steps is a whole number from 1 to 100000, given '1e9'"),
        ("/api/descent?" + "&".join(["recipe=sgd()"] * 17), "1 to 16 balls; given 17"),
        ("/api/descent?recipe=sgdd()", "did you mean sgd?"),
        ("/api/descent", "1 to 16 balls; given 0"),
        ("/api/surface?surface=ravine&condition=1e99", "condition is a number from 1 to 10000, given '1e99'"),
        ("/api/plane?method=x&noise=-1", "method is one of heavy-ball, nesterov, given 'x'"),
    ],
)
def test_absurd_questions_are_refused_in_one_line(port, path, said):
    response, body = ask(port, path)
    assert response.status == 400
    assert said in json.loads(body)["error"]


def test_nothing_else_is_there_and_nothing_is_written(port):
    response, body = ask(port, "/api/nothing")
    assert response.status == 404
    assert json.loads(body)["hint"] == "begin at /."
    assert ask(port, "/static/../app.py")[0].status == 404
    assert ask(port, "/static/%2e%2e/app.py")[0].status == 404
    assert ask(port, "/api/gallery", method="POST")[0].status == 405


def test_no_other_origin_may_read_an_answer(port):
    response, _ = ask(port, "/api/gallery", headers=[("Origin", "http://evil.example")])
    assert response.getheader("Access-Control-Allow-Origin") is None
    assert response.getheader("Cross-Origin-Resource-Policy") == "same-origin"


def test_a_port_in_use_is_told_and_the_next_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with playing("--port", str(number)) as (process, found):
            assert number < found <= number + 20
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert f"port {number} is in use; taking {found}" in said
        assert process.returncode == 0


def test_ctrl_c_ends_it_quietly():
    with playing("--port", "0") as (process, number):
        assert ask(number, "/api/gallery")[0].status == 200
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
        assert (process.returncode, out, said) == (0, "", "")


def test_ctrl_c_ends_it_quietly_while_somebody_follows_a_study(tmp_path):
    path = tmp_path / "surefoot.db"
    Study.create(Database(path), task="wine", settings={}, seed=0)
    with playing("--port", "0", "--study", str(path)) as (process, number):
        connection = http.client.HTTPConnection("127.0.0.1", number, timeout=60)
        connection.request("GET", "/api/live?id=1", headers={"Host": f"localhost:{number}"})
        assert connection.getresponse().readline() == b"data: running 0 of 1\n"
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
        connection.close()
        assert (process.returncode, out, said) == (0, "", "")


def test_a_database_that_is_not_there_is_said_and_the_rest_goes_on(tmp_path):
    with playing("--port", "0", "--study", str(tmp_path / "no.db")) as (_, number):
        response, body = ask(number, "/api/studies")
        assert response.status == 400
        assert json.loads(body)["hint"] == "surefoot tune writes one."
        assert ask(number, "/api/gallery")[0].status == 200


def test_a_port_that_cannot_be_is_wrong_input():
    command = [sys.executable, "-m", "surefoot", "play", "--no-browser", "--port", "70000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_descent_that_nobody_waits_for_any_more_is_stopped():
    longest = "/api/descent?steps=100000&" + "&".join(["recipe=adam(lr=0.01)"] * 16)
    with playing("--port", "0") as (process, number):
        assert ask(number, "/api/gallery")[0].status == 200
        server = psutil.Process(process.pid)

        def busy(seconds=0.5):
            return server.cpu_percent(seconds) > 20

        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", number, timeout=60)) as connection:
            connection.request("GET", longest, headers={"Host": f"localhost:{number}"})
            assert any(busy() for _ in range(20))
        # It would work for a quarter of a minute.
        assert not all(busy() for _ in range(20))


def test_ctrl_c_does_not_wait_for_a_long_descent():
    def work_of_children():
        return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])

    before = work_of_children()
    with playing("--port", "0") as (process, number):
        query = "/api/descent?steps=100000&" + "&".join(["recipe=adam(lr=0.01)"] * 16)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", number, timeout=60)) as connection:
            connection.request("GET", query, headers={"Host": f"localhost:{number}"})
            ask(number, "/api/gallery")
            done = sum(psutil.Process(process.pid).cpu_times()[:2])
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=60)
        assert (process.returncode, out, said) == (0, "", "")
    # It would work for a quarter of a minute and more; work is counted, for on a busy machine all takes longer, and a
    # second of work does less where another process shares the core.
    assert work_of_children() - before - done < 10.0
