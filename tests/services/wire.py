"""As much of the wire protocols of Kafka and of CQL as tells whether a cluster works.

Numbers are big-endian in both. Every call opens a connection of its own.
"""
import socket
import struct

# Longer than any healthy answer, also on a busy machine.
SECONDS = 10
ONE, ALL = 1, 5  # consistency levels


class Refused(ValueError):
    """The server answered with an error."""


class Answer:
    """An answer, read from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, kind):
        """One value of a kind of `struct`."""
        value, = struct.unpack_from(f">{kind}", self.data, self.at)
        self.at += struct.calcsize(f">{kind}")
        return value

    def bytes(self, length="h"):
        """Bytes behind their length; None where that is negative."""
        size = self.take(length)
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at]

    def numbers(self):
        """Numbers behind their count."""
        return [self.take("i") for _ in range(self.take("i"))]


def receive(connection, count):
    """Exactly so many bytes."""
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError("the server closed the connection")
        data += part
    return data


def kafka(place, key, version, body):
    """One request of Kafka's protocol (request header v1)."""
    with socket.create_connection(place, timeout=SECONDS) as connection:
        message = struct.pack(">hhih", key, version, 1, 7) + b"scribed" + body
        connection.sendall(struct.pack(">i", len(message)) + message)
        size, = struct.unpack(">i", receive(connection, 4))
        return Answer(receive(connection, size)[4:])


def kafka_metadata(place):
    """The ids of the brokers that a broker lists, and the partitions, as (topic, number), whose
    replicas are not all in sync (Metadata v1, all topics)."""
    answer, brokers, behind = kafka(place, 3, 1, struct.pack(">i", -1)), set(), []
    for _ in range(answer.take("i")):
        brokers.add(answer.take("i"))
        answer.bytes(), answer.take("i"), answer.bytes()  # host, port, rack
    answer.take("i")  # the controller
    for _ in range(answer.take("i")):
        answer.take("h")  # an error
        topic, _ = answer.bytes().decode(), answer.take("?")
        for _ in range(answer.take("i")):
            answer.take("h")
            number, _ = answer.take("i"), answer.take("i")  # the leader
            replicas, in_sync = answer.numbers(), answer.numbers()
            if set(replicas) != set(in_sync):
                behind.append((topic, number))
    return brokers, behind


def kafka_coordinates(place):
    """Whether groups work (FindCoordinator v0). The first call makes __consumer_offsets."""
    return kafka(place, 10, 0, struct.pack(">h", 7) + b"scribed").take("h") == 0


def cql(place, statement, consistency=ONE, login=None):
    """Runs a statement (protocol v4). Returns its rows, each value as raw bytes or None."""
    with socket.create_connection(place, timeout=SECONDS) as connection:
        def call(opcode, body):
            connection.sendall(struct.pack(">BBhBi", 4, 0, 0, opcode, len(body)) + body)
            _, flags, _, kind, size = struct.unpack(">BBhBi", receive(connection, 9))
            answer = Answer(receive(connection, size))
            if kind == 0:  # ERROR
                answer.take("i")
                raise Refused(answer.bytes().decode(errors="replace"))
            if flags & 8:  # warnings stand in front of the answer
                for _ in range(answer.take("h")):
                    answer.bytes()
            return kind, answer

        kind, _ = call(1, struct.pack(">hh11sh5s", 1, 11, b"CQL_VERSION", 5, b"3.0.0"))
        if kind == 3:  # AUTHENTICATE, answered as SASL PLAIN
            if login is None:
                raise Refused("the server wants a login")
            token = b"".join(b"\0" + part.encode() for part in login)
            call(15, struct.pack(">i", len(token)) + token)
        text = statement.encode()
        # Flag 2 leaves the types of the columns out of the answer.
        options = struct.pack(">hB", consistency, 2)
        _, answer = call(7, struct.pack(">i", len(text)) + text + options)
    if answer.take("i") != 2:  # not rows: nothing, or what changed in the schema
        return []
    answer.take("i")
    columns, rows = answer.take("i"), answer.take("i")
    return [[answer.bytes("i") for _ in range(columns)] for _ in range(rows)]
