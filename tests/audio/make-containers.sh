#!/usr/bin/env bash
# Makes tests/audio/containers and tests/audio/bad from 01-short-slt.wav.
#
# The files are committed; run this only to change them. Needs ffmpeg (5.1 was used) and python3.
# "whole" files hold the whole recording; "part" files hold its first sentence, because uncompressed
# ones would be large. Lossless files hold the same 16-bit samples as the original, so that a test can
# ask for equality; lossy ones are at the rates that the field uses. The odd and broken files are
# written byte by byte by the python part below.
set -euo pipefail
cd "$(dirname "$0")"

source=01-short-slt.wav
part_secs=2.9
rm -rf containers bad
mkdir -p containers bad

# make OUTPUT whole|part FFMPEG-OPTIONS…: one track of sound, no metadata, no encoder names or dates.
make() {
    local output=$1 length=$2
    shift 2
    local cut=()
    [ "$length" = part ] && cut=(-t "$part_secs")
    ffmpeg -nostdin -v error -y -i "$source" "${cut[@]}" -map_metadata -1 -ac 1 \
        -fflags +bitexact -flags:a +bitexact "$@" "containers/$output"
}

# Uncompressed and ADPCM.
make pcm-s16.wav whole -c:a pcm_s16le
make pcm-s24.wav part -c:a pcm_s24le
make pcm-f32.wav part -c:a pcm_f32le
make pcm-u8.wav part -c:a pcm_u8
make mulaw-8k.wav part -ar 8000 -c:a pcm_mulaw
make alaw-8k.wav part -ar 8000 -c:a pcm_alaw
make stereo-44k.wav part -ar 44100 -ac 2 -t 1 -c:a pcm_s16le
make ima-adpcm.wav whole -c:a adpcm_ima_wav
make ms-adpcm.wav whole -c:a adpcm_ms
make pcm.aiff part -c:a pcm_s16be
make pcm.caf part -c:a pcm_s16be
make pcm.mkv part -c:a pcm_s16le

# Lossless.
make flac.flac whole -c:a flac
make flac.ogg part -c:a flac
make flac.mkv part -c:a flac
make alac.m4a whole -c:a alac
make alac.caf part -c:a alac

# Lossy.
make mp3-44k.mp3 whole -ar 44100 -c:a libmp3lame -b:a 48k -write_xing 1 -id3v2_version 3
make mp3-16k-vbr.mp3 whole -c:a libmp3lame -q:a 5
make mp2.mp2 whole -ar 44100 -c:a mp2 -b:a 64k
make vorbis.ogg whole -ar 44100 -c:a libvorbis -q:a 1
make vorbis.mkv whole -ar 44100 -c:a libvorbis -q:a 1
make opus.ogg whole -ar 48000 -c:a libopus -b:a 24k
make opus.webm whole -ar 48000 -c:a libopus -b:a 24k
make opus.mkv whole -ar 48000 -c:a libopus -b:a 24k
make aac.m4a whole -ar 44100 -c:a aac -b:a 48k
make aac.mov whole -ar 48000 -c:a aac -b:a 48k
make aac.aac whole -ar 44100 -c:a aac -b:a 48k
make aac-fragmented.mp4 whole -ar 44100 -c:a aac -b:a 48k -movflags frag_keyframe+empty_moov+default_base_moof -frag_duration 1000000
make aac-faststart.mp4 whole -ar 48000 -c:a aac -b:a 48k -movflags +faststart

# Video with sound, and two tracks of sound of which the second is the default.
video=(-f lavfi -i "color=c=gray:s=64x48:r=5:d=6.97")
ffmpeg -nostdin -v error -y -i "$source" "${video[@]}" -map 1:v -map 0:a -map_metadata -1 \
    -fflags +bitexact -flags:a +bitexact -flags:v +bitexact \
    -c:v libx264 -crf 40 -pix_fmt yuv420p -ar 48000 -ac 1 -c:a aac -b:a 48k containers/video-aac.mp4
ffmpeg -nostdin -v error -y -i "$source" "${video[@]}" -map 1:v -map 0:a -map_metadata -1 \
    -fflags +bitexact -flags:a +bitexact -flags:v +bitexact \
    -c:v libvpx -crf 40 -b:v 20k -ar 48000 -ac 1 -c:a libopus -b:a 24k containers/video-opus.webm
ffmpeg -nostdin -v error -y -f lavfi -i "anullsrc=r=16000:cl=mono:d=2.9" -i "$source" -t "$part_secs" \
    -map 0:a -map 1:a -map_metadata -1 -fflags +bitexact -flags:a +bitexact -c:a libopus -b:a 24k \
    -disposition:a:0 0 -disposition:a:1 default containers/two-tracks.mkv

# Bad ones that ffmpeg can make.
ffmpeg -nostdin -v error -y "${video[@]}" -t 2 -map_metadata -1 -fflags +bitexact -flags:v +bitexact \
    -c:v libx264 -crf 40 -pix_fmt yuv420p bad/video-without-sound.mp4
ffmpeg -nostdin -v error -y -i "$source" -t "$part_secs" -map_metadata -1 -fflags +bitexact \
    -flags:a +bitexact -ar 44100 -c:a aac -b:a 48k -encryption_scheme cenc-aes-ctr \
    -encryption_key 76a6c65c5ea762046bd749a2e632ccbb \
    -encryption_kid a7e61c373e219033c21091fa607bf3b8 bad/encrypted.mp4
ffmpeg -nostdin -v error -y -i "$source" -t "$part_secs" -map_metadata -1 -fflags +bitexact \
    -flags:a +bitexact -c:a ac3 -ar 44100 -b:a 64k bad/unknown-codec.mp4

python3 - <<'PYTHON'
import json, pathlib, struct, wave

here = pathlib.Path(".")
good, bad = here / "containers", here / "bad"
with wave.open("01-short-slt.wav") as source:
    pcm = source.readframes(source.getnframes())


def wav(rate, channels, data, bits=16, claimed=None):
    """A WAV file by hand; `claimed` is the length that its header tells."""
    claimed = len(data) if claimed is None else claimed
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    riff = min(claimed + 36, 0xFFFFFFFF)
    return (b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<I", 16) + form
            + b"data" + struct.pack("<I", claimed) + data)


def write(name, data):
    (bad / name).write_bytes(data)


second = pcm[32000 - 6400:][:32000]
write("empty.wav", b"")
write("text.mp3", b"This is a letter, not a recording. It only has the wrong name.\n" * 40)
write("noise.bin", bytes((i * i * 31 + i * 7 + (i >> 5)) & 0xFF for i in range(20000)))
write("one-byte.wav", b"R")
write("header-only.wav", wav(16000, 1, b""))
write("no-rate.wav", wav(0, 1, second))
write("no-channels.wav", wav(16000, 0, second))
write("32-channels.wav", wav(16000, 32, bytes(64 * 3200)))
write("1-hz.wav", wav(1, 1, second[:64]))
write("768-khz.wav", wav(768000, 1, bytes(2 * 76800)))
write("4-billion-hz.wav", wav(0xFFFFFFFF, 1, second))
write("50-ms.wav", wav(16000, 1, second[:1600]))
write("unknown-length.wav", wav(16000, 1, second, claimed=0xFFFFFFFF))


def truncated(name, source, keep):
    data = (good / source).read_bytes()
    write(name, data[: int(len(data) * keep)])


truncated("truncated.wav", "pcm-s16.wav", 0.5)
truncated("truncated.mp3", "mp3-44k.mp3", 0.5)
truncated("truncated.flac", "flac.flac", 0.5)
truncated("truncated.ogg", "opus.ogg", 0.5)
truncated("truncated.webm", "opus.webm", 0.5)
truncated("truncated-faststart.mp4", "aac-faststart.mp4", 0.5)
truncated("truncated-no-index.m4a", "aac.m4a", 0.5)


def damaged(name, source, start, length):
    """Inverts every third byte of a stretch; places are fractions of the file."""
    data = bytearray((good / source).read_bytes())
    first = int(len(data) * start)
    for i in range(first, first + length, 3):
        data[i] ^= 0xFF
    write(name, bytes(data))


damaged("damaged.flac", "flac.flac", 0.5, 900)
damaged("damaged.mp3", "mp3-44k.mp3", 0.5, 900)
damaged("damaged.ogg", "opus.ogg", 0.5, 900)
damaged("damaged.aac", "aac.aac", 0.5, 900)
damaged("damaged.mp4", "aac-faststart.mp4", 0.5, 900)

whole = pathlib.Path("01-short-slt.txt").read_text().strip()
part = whole.split(". ")[0] + "."
frames = len(pcm) // 2
PART = round(2.9 * 16000)
# name: (container, codec, rate, channels, exactness, whole); container and codec as the decode stage
# names them. Exact files equal the original sample by sample.
table = {
    "pcm-s16.wav": ("wav", "pcm_s16le", 16000, 1, True, True),
    "pcm-s24.wav": ("wav", "pcm_s24le", 16000, 1, True, False),
    "pcm-f32.wav": ("wav", "pcm_f32le", 16000, 1, True, False),
    "pcm-u8.wav": ("wav", "pcm_u8", 16000, 1, False, False),
    "mulaw-8k.wav": ("wav", "pcm_mulaw", 8000, 1, False, False),
    "alaw-8k.wav": ("wav", "pcm_alaw", 8000, 1, False, False),
    "stereo-44k.wav": ("wav", "pcm_s16le", 44100, 2, False, None),
    "ima-adpcm.wav": ("wav", "adpcm_ima_wav", 16000, 1, False, True),
    "ms-adpcm.wav": ("wav", "adpcm_ms", 16000, 1, False, True),
    "pcm.aiff": ("aiff", "pcm_s16be", 16000, 1, True, False),
    "pcm.caf": ("caf", "pcm_s16be", 16000, 1, True, False),
    "pcm.mkv": ("matroska", "pcm_s16le", 16000, 1, True, False),
    "flac.flac": ("flac", "flac", 16000, 1, True, True),
    "flac.ogg": ("ogg", "flac", 16000, 1, True, False),
    "flac.mkv": ("matroska", "flac", 16000, 1, True, False),
    "alac.m4a": ("mp4", "alac", 16000, 1, True, True),
    "alac.caf": ("caf", "alac", 16000, 1, True, False),
    "mp3-44k.mp3": ("mp3", "mp3", 44100, 1, False, True),
    "mp3-16k-vbr.mp3": ("mp3", "mp3", 16000, 1, False, True),
    "mp2.mp2": ("mp2", "mp2", 44100, 1, False, True),
    "vorbis.ogg": ("ogg", "vorbis", 44100, 1, False, True),
    "vorbis.mkv": ("matroska", "vorbis", 44100, 1, False, True),
    "opus.ogg": ("ogg", "opus", 48000, 1, False, True),
    "opus.webm": ("webm", "opus", 48000, 1, False, True),
    "opus.mkv": ("matroska", "opus", 48000, 1, False, True),
    "aac.m4a": ("mp4", "aac", 44100, 1, False, True),
    "aac.mov": ("mov", "aac", 48000, 1, False, True),
    "aac.aac": ("adts", "aac", 44100, 1, False, True),
    "aac-fragmented.mp4": ("mp4", "aac", 44100, 1, False, True),
    "aac-faststart.mp4": ("mp4", "aac", 48000, 1, False, True),
    "video-aac.mp4": ("mp4", "aac", 48000, 1, False, True),
    "video-opus.webm": ("webm", "opus", 48000, 1, False, True),
    "two-tracks.mkv": ("matroska", "opus", 48000, 1, False, False),
}
assert sorted(table) == sorted(p.name for p in good.iterdir()), "table and folder differ"
manifest = [
    {
        "file": name, "container": container, "codec": codec, "sample_rate": rate,
        "channels": channels, "exact": exact,
        "seconds": 1.0 if is_whole is None else (frames if is_whole else PART) / 16000,
        "text": "" if is_whole is None else (whole if is_whole else part),
    }
    for name, (container, codec, rate, channels, exact, is_whole) in table.items()
]
(good / "manifest.json").write_text(
    "[\n" + ",\n".join(" " + json.dumps(entry) for entry in manifest) + "\n]\n")
PYTHON
du -sb containers bad
