"""A tokenizer without a vocabulary file: one token per byte, for doubles and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

END, START = 256, 257
NAMES = {END: b"<|end|>", START: b"<|start|>"}


class ByteTokenizer:
    """The bytes of UTF-8 are tokens 0-255; then end of turn, start of turn, and `words`.

    `words` are longer tokens, the longest match winning: with `.` + newline + newline, or a part of
    a character, they make the seams that real vocabularies have.
    """

    def __init__(self, words: Sequence[bytes] = ()) -> None:
        self._bytes = {START + 1 + i: word for i, word in enumerate(words)} | NAMES
        numbered = [(word, START + 1 + i) for i, word in enumerate(words)]
        self._words = sorted(numbered, key=lambda each: -len(each[0]))

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The end of a turn."""
        return (END,)

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of plain text; a lone surrogate becomes its three bytes."""
        data, ids = text.encode("utf-8", "surrogatepass"), []
        while data:
            word, token = next(
                (w for w in self._words if data.startswith(w[0])), (data[:1], data[0])
            )
            ids.append(token)
            data = data[len(word) :]
        return tuple(ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; bytes that are no UTF-8 become replacement characters."""
        data = b"".join(self._bytes.get(token) or bytes([token]) for token in ids)
        return data.decode("utf-8", "replace")

    def token_id(self, token: str) -> int | None:
        """The id of a token by its content."""
        data = token.encode("utf-8", "surrogatepass")
        known = {content: token_id for token_id, content in self._bytes.items()}
        return known.get(data, data[0] if len(data) == 1 else None)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Each turn between start and end, then the start of the assistant's."""
        ids: list[int] = []
        for message in messages:
            ids += [START, *self.encode(f"{message['role']}\n{message['content']}"), END]
        return (*ids, START, *self.encode("assistant\n"))
