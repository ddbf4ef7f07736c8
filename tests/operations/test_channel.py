"""Messages between processes: whole, in order, with open directories."""

import os
import threading

import pytest

from holdfast.operations.channel import Channel, ChannelClosed, close_all


@pytest.fixture
def pair():
    ours, theirs = Channel.pair()
    other = Channel(theirs)
    yield ours, other
    ours.close()
    other.close()


def test_messages_arrive_whole_and_in_order(pair):
    ours, other = pair
    large = os.urandom(3 << 20)  # more than a socket holds

    def send():
        ours.send(b"first ", b"message")
        ours.send()
        ours.send(memoryview(large))
        ours.send(*(bytes([number % 250]) for number in range(2000)))

    sending = threading.Thread(target=send)
    sending.start()
    received = []
    for _ in range(4):
        message, descriptors = other.receive()
        received.append(bytes(message))  # it is good until the next one
        assert descriptors == []
    sending.join()
    assert received == [b"first message", b"", large, bytes(range(250)) * 8]


def test_directories_come_with_a_message(pair, tmp_path):
    ours, other = pair
    (tmp_path / "a").mkdir()
    opened = [os.open(tmp_path, os.O_RDONLY), os.open(tmp_path / "a", os.O_RDONLY)]
    ours.send(b"look", descriptors=opened)
    close_all(opened)  # the other side has its own
    message, received = other.receive()
    try:
        assert bytes(message) == b"look"
        assert [os.listdir(descriptor) for descriptor in received] == [["a"], []]  # noqa: PTH208 - descriptors
    finally:
        close_all(received)


def test_the_end_of_the_other_side_is_met_by_both_directions(pair):
    ours, other = pair
    other.close()
    with pytest.raises(ChannelClosed):
        ours.receive()
    with pytest.raises(ChannelClosed):
        ours.send(bytes(3 << 20))


def test_a_message_that_is_cut_off_is_no_message(pair):
    ours, other = pair
    ours._socket.sendall(b"\xff\0\0\0\0\0\0\0\0\0only a part")
    ours.close()
    with pytest.raises(ChannelClosed):
        other.receive()


def test_closing_ends_a_receive_that_waits_in_another_thread(pair):
    ours, _ = pair
    ended = []

    def wait():
        try:
            ours.receive()
        except ChannelClosed:
            ended.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    ours.close()
    waiting.join(timeout=30)
    assert ended == [True]
