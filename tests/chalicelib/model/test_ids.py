from __future__ import annotations

from chalicelib.model.ids import hashed_id, id_from, is_id, random_id


def test_an_id_is_26_letters_and_digits_of_16_bytes() -> None:
    assert id_from(bytes(16)) == "a" * 26
    assert id_from(b"\xff" * 16) == "7" * 25 + "4"


def test_the_same_names_are_one_id_for_ever() -> None:
    assert hashed_id(b"purpose", "a", "b") == "fxz6o35afrvr6w5a7vrparmjnq"


def test_other_names_another_cut_between_them_and_another_purpose_are_other_ids() -> None:
    ids = {
        hashed_id(b"purpose", "a", "b"),
        hashed_id(b"purpose", "b", "a"),
        hashed_id(b"purpose", "ab", ""),
        hashed_id(b"purpose", "ab"),
        hashed_id(b"purpos", "ea", "b"),
        hashed_id(b"another", "a", "b"),
    }

    assert len(ids) == 6


def test_a_random_id_takes_five_bits_of_each_byte_and_every_letter_as_often() -> None:
    assert random_id(bytes(range(32))) == "abcdefghijklmnopqrstuvwxyz234567"
    assert {len(set(random_id(bytes([low + 32 * high for high in range(8)])))) for low in range(32)} == {1}
    assert is_id(random_id(bytes(range(100, 126))))
