"""The programs themselves: their options, starts that cannot be, signals."""
import copy
import json
import signal
import socket
import subprocess
import time

import pytest
import yaml

from tests.lib.system import free_port

PROMPT_S = 5


@pytest.fixture
def config(system):
    return copy.deepcopy(yaml.safe_load(system.config_path.read_text()))


@pytest.fixture
def start(system, tmp_path):
    """Starts kongsi-messaging (or another program) with a configuration of its own; ended after the test."""
    started = []

    def start_one(config, *arguments, program="kongsi-messaging", environment=None):
        path = tmp_path / f"{len(started)}.yaml"
        path.write_text(yaml.safe_dump(config))
        started.append(subprocess.Popen([str(system.build / program), "--config", str(path), *arguments], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def wait_for_log(process, words):
    for line in process.stderr:
        if words in line:
            return json.loads(line)
    raise AssertionError(f"the program ended without saying: {words}")


def errors_of(stderr):
    return [line for line in map(json.loads, stderr.splitlines()) if line["level"] == "error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_start_that_waits_for_the_database(start, config, number):
    config["database"]["port"] = free_port()
    process = start(config)
    wait_for_log(process, "is away")
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(PROMPT_S) == 0
    assert time.monotonic() - began < 1


def test_a_signal_ends_a_command(start, config):
    config["database"]["port"] = free_port()
    process = start(config, "migrate")
    wait_for_log(process, "is away")
    process.send_signal(signal.SIGINT)
    assert process.wait(PROMPT_S) == -signal.SIGINT


@pytest.mark.parametrize("program, section", [("kongsi-messaging", "messaging"), ("kongsi-gateway", "gateway"),
                                              ("kongsi-realtime", "realtime"), ("kongsi", "gateway"), ("kongsi", "realtime")])
def test_a_port_in_use_ends_the_start_with_one_error(start, config, program, section):
    for name in ("messaging", "identity", "gateway", "realtime"):
        config[name]["port"] = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config[section]["port"] = taken.getsockname()[1]
        process = start(config, program=program)
        _, stderr = process.communicate(timeout=20)
        assert process.returncode == 1
        errors = errors_of(stderr)
        assert len(errors) == 1, stderr
        assert "cannot start" in errors[0]["message"] and str(config[section]["port"]) in json.dumps(errors[0])


def test_check_config_says_nothing_when_all_is_well(start, config):
    stdout, stderr = start(config, "--check-config").communicate(timeout=10)
    assert (stdout, stderr) == ("", "")


@pytest.mark.parametrize("section, key, value, words", [
    ("messaging", "port", 70000, "messaging.port"),
    ("messaging", "prot", 1, "prot"),
    ("rpc", "peers", {"mesaging": "http://127.0.0.1:1"}, "mesaging"),
    ("rpc", "service_key_file", "", "rpc.service_key_file"),
    ("rpc", "service_key_file", "/nowhere/key", "/nowhere/key"),
    ("bus", "transport", "pigeon", "bus.transport"),
])
def test_a_wrong_configuration_is_one_line_and_status_1(start, config, section, key, value, words):
    config[section][key] = value
    for arguments in ([], ["--check-config"], ["--print-config"]):
        process = start(config, *arguments)
        stdout, stderr = process.communicate(timeout=10)
        assert process.returncode == 1
        assert stdout == "" and len(stderr.splitlines()) == 1 and words in stderr, stderr


def test_print_config_is_read_again_as_the_same(start, config):
    stdout, _ = start(config, "--print-config").communicate(timeout=10)
    printed = yaml.safe_load(stdout)
    assert printed["messaging"]["port"] == config["messaging"]["port"]
    assert printed["database"]["host"] == config["database"]["host"]
    again, _ = start(printed, "--print-config").communicate(timeout=10)
    assert again == stdout


def test_the_environment_is_over_the_file(start, config):
    stdout, _ = start(config, "--print-config", environment={"KONGSI_MESSAGING_PORT": "4242"}).communicate(timeout=10)
    assert yaml.safe_load(stdout)["messaging"]["port"] == 4242
