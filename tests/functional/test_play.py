"""``surefoot play`` in a process of its own: what it serves, what it refuses, and how it ends."""

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
def running_server(*options):
    command = [sys.executable, "-m", "surefoot", "play", "--no-browser", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        yield process, int(re.search(r":(\d+)/", line)[1])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def port():
    with running_server("--port", "0") as (_, number):
        yield number


def get(port, path, *, host=None, method="GET", headers=()):
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


def test_the_page_and_its_files_are_served(port):
    response, body = get(port, "/")
    assert response.status == 200
    for part in re.findall(rb'"(/static/[^"]+)"', body):
        assert get(port, part.decode())[0].status == 200
    assert "default-src 'none'" in response.getheader("Content-Security-Policy")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
def test_local_host_names_are_accepted(port, name):
    assert get(port, "/api/choices", host=[f"{name}:{port}"])[0].status == 200


@pytest.mark.parametrize(
    "hosts",
    [["evil.example:{}"], ["localhost"], ["localhost:1"], ["localhost.evil.example:{}"], [""], ["localhost:{}", "a"]],
)
@pytest.mark.parametrize("path", ["/", "/api/choices", "/static/main.js", "/nothing"])
def test_other_host_names_are_refused_in_one_line(port, hosts, path):
    response, body = get(port, path, host=[each.format(port) for each in hosts])
    assert response.status == 400
    if response.getheader("Content-Type") == "application/json":
        answer = json.loads(body)
        assert "\n" not in answer["error"]
        assert f"localhost:{port}" in answer["error"]
        assert answer["hint"] == f"open http://localhost:{port}/."


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/descent?steps=1e9&recipe=sgd()", "steps must be an integer from 1 to 100000, given '1e9'"),
        ("/api/descent?" + "&".join(["recipe=sgd()"] * 17), "1 to 16; given 17"),
        ("/api/descent?recipe=sgdd()", "did you mean sgd?"),
        ("/api/descent", "1 to 16; given 0"),
        ("/api/surface?surface=ravine&condition=1e99", "condition must be a number from 1 to 10000, given '1e99'"),
        ("/api/convergence?method=x&noise=-1", "method must be one of heavy-ball, nesterov, given 'x'"),
    ],
)
def test_invalid_queries_are_refused_in_one_line(port, path, message):
    response, body = get(port, path)
    assert response.status == 400
    assert message in json.loads(body)["error"]


def test_other_paths_and_methods_are_refused(port):
    response, body = get(port, "/api/nothing")
    assert response.status == 404
    assert json.loads(body)["hint"] == "the page is at /."
    assert get(port, "/static/../app.py")[0].status == 404
    assert get(port, "/static/%2e%2e/app.py")[0].status == 404
    assert get(port, "/api/choices", method="POST")[0].status == 405


def test_other_origins_may_not_read_answers(port):
    response, _ = get(port, "/api/choices", headers=[("Origin", "http://evil.example")])
    assert response.getheader("Access-Control-Allow-Origin") is None
    assert response.getheader("Cross-Origin-Resource-Policy") == "same-origin"


def test_the_next_port_is_used_if_one_is_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with running_server("--port", str(number)) as (process, found):
            assert number < found <= number + 20
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert f"port {number} is in use; using {found}" in err
        assert process.returncode == 0


def test_ctrl_c_stops_the_server_without_output():
    with running_server("--port", "0") as (process, number):
        assert get(number, "/api/choices")[0].status == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")


def test_ctrl_c_stops_the_server_while_a_client_receives_events(tmp_path):
    path = tmp_path / "surefoot.db"
    Study.create(Database(path), task="wine", settings={}, seed=0)
    with running_server("--port", "0", "--study", str(path)) as (process, number):
        connection = http.client.HTTPConnection("127.0.0.1", number, timeout=60)
        connection.request("GET", "/api/live?id=1", headers={"Host": f"localhost:{number}"})
        assert connection.getresponse().readline() == b"data: running 0 of 1\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        connection.close()
        assert (process.returncode, out, err) == (0, "", "")


def test_a_missing_database_is_reported_and_the_rest_works(tmp_path):
    with running_server("--port", "0", "--study", str(tmp_path / "no.db")) as (_, number):
        response, body = get(number, "/api/studies")
        assert response.status == 400
        assert json.loads(body)["hint"] == "surefoot tune writes one."
        assert get(number, "/api/choices")[0].status == 200


def test_an_invalid_port_is_refused():
    command = [sys.executable, "-m", "surefoot", "play", "--no-browser", "--port", "70000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_descent_stops_when_its_client_disconnects():
    longest = "/api/descent?steps=100000&" + "&".join(["recipe=adam(lr=0.01)"] * 16)
    with running_server("--port", "0") as (process, number):
        assert get(number, "/api/choices")[0].status == 200
        server = psutil.Process(process.pid)

        def busy(seconds=0.5):
            return server.cpu_percent(seconds) > 20

        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", number, timeout=60)) as connection:
            connection.request("GET", longest, headers={"Host": f"localhost:{number}"})
            assert any(busy() for _ in range(20))
        # To its end the descent takes a quarter of a minute.
        assert not all(busy() for _ in range(20))


def test_ctrl_c_does_not_wait_for_a_long_descent():
    def cpu_seconds_of_children():
        return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])

    before = cpu_seconds_of_children()
    with running_server("--port", "0") as (process, number):
        query = "/api/descent?steps=100000&" + "&".join(["recipe=adam(lr=0.01)"] * 16)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", number, timeout=60)) as connection:
            connection.request("GET", query, headers={"Host": f"localhost:{number}"})
            get(number, "/api/choices")
            done = sum(psutil.Process(process.pid).cpu_times()[:2])
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")
    # To its end the descent takes a quarter of a minute of CPU time. Wall time would depend on how busy the machine is.
    assert cpu_seconds_of_children() - before - done < 10.0
