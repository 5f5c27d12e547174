"""ZIP files with a password, as MISP makes them of malware samples: Python's library only reads them."""

import io
import struct
import zipfile
import zlib

_TABLE = [zlib.crc32(bytes([n])) ^ 0xFF000000 ^ 0x00FFFFFF for n in range(256)]


def _crc(byte: int, crc: int) -> int:
    return (crc >> 8) ^ _table()[(crc ^ byte) & 0xFF]


def _table() -> list[int]:
    if len(_CRC) == 0:
        for n in range(256):
            crc = n
            for _ in range(8):
                crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
            _CRC.append(crc)
    return _CRC


_CRC: list[int] = []


def encrypted_zip(data: bytes, name: str = "0" * 32, password: bytes = b"infected") -> bytes:
    """Return a ZIP file with one encrypted file in it, and with its name beside, encrypted too."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
        archive.writestr(f"{name}.filename.txt", b"shot.png")
    plain = file.getvalue()
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        entries = archive.infolist()
    body, central = bytearray(), bytearray()
    for entry in entries:
        content = data if entry.filename == name else b"shot.png"
        packed = _encrypted(content, zlib.crc32(content), password)
        encoded = entry.filename.encode()
        crc, size = zlib.crc32(content), len(content)
        offset = len(body)
        body += struct.pack("<4s5H3I2H", b"PK\3\4", 20, 1, 0, 0, 0x21, crc, len(packed), size, len(encoded), 0) + encoded + packed
        central += struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 1, 0, 0, 0x21, crc, len(packed), size, len(encoded), 0, 0, 0, 0, 0, offset)
        central += encoded
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(entries), len(entries), len(central), len(body), 0)
    return bytes(body + central + end)


def _encrypted(content: bytes, crc: int, password: bytes) -> bytes:
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = _crc(byte, keys[0])
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = _crc(keys[1] >> 24, keys[2])

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in bytes(11) + bytes([crc >> 24]) + content:
        temp = keys[2] | 2
        out.append(byte ^ (((temp * (temp ^ 1)) >> 8) & 0xFF))
        update(byte)
    return bytes(out)
