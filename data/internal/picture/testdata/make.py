"""Writes the pictures of this folder and, for each NAME, what Pillow reads from it as NAME.want.png (RGBA, upright).

pip install pillow numpy; run here.
"""
import io, struct, zlib
import numpy as np
from PIL import Image, ImageOps

W, H = 21, 14
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 12, y * 18, 255 - x * 6 - y * 6], 2).clip(0, 255).astype(np.uint8)
rgb[2:6, 3:9] = 0          # black and white: WebP's 16 and 235
rgb[7:12, 11:18] = 255
alpha = (np.where(x > 10, 255, x * 25)).astype(np.uint8)
RGB = Image.fromarray(rgb)
RGBA = Image.fromarray(np.dstack([rgb, alpha]))


def save(name, data, want=None):
    open(name, "wb").write(data)
    if want is None:
        im = Image.open(name)
        im.load()
        im = ImageOps.exif_transpose(im)
        want = im.convert("RGBA")
    want.save(name + ".want.png", optimize=True)


def pil(name, im, **how):
    b = io.BytesIO()
    im.save(b, name.rsplit(".")[-1].replace("jpg", "jpeg"), **how)
    return b.getvalue()


def exif(orientation, big=True):
    e = ">" if big else "<"
    return (b"MM\0*" if big else b"II*\0") + struct.pack(e + "IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(depth, colour, rows, *extra):
    raw = b"".join(b"\0" + r for r in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, 0))
            + b"".join(extra) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


grey = (x * 11 + y).astype(np.uint8)
save("grey.png", pil("a.png", Image.fromarray(grey)))
save("grey_alpha.png", pil("a.png", Image.fromarray(np.dstack([grey, alpha]), "LA")))
save("rgb.png", pil("a.png", RGB))
save("rgba.png", pil("a.png", RGBA))
save("palette.png", pil("a.png", RGB.quantize(16)))
p = RGB.quantize(16)
save("palette_clear.png", pil("a.png", p, transparency=bytes([0, 128, 255, 7])))
save("bits.png", pil("a.png", Image.fromarray(grey).convert("1")))
save("rgb_key.png", pil("a.png", RGB, transparency=(0, 0, 0)))
# 16 bits: Pillow's own way to 8 bits differs by mode, the high byte is what PNG recommends.
wide = (rgb.astype(int) * 256 + 77).astype(">u2")
save("rgb16.png", png(16, 2, [r.tobytes() for r in wide]), RGB.convert("RGBA"))
wide = (np.dstack([rgb, alpha]).astype(int) * 257).astype(">u2")
save("rgba16.png", png(16, 6, [r.tobytes() for r in wide]), RGBA)
wide = (grey.astype(int) * 257).astype(">u2")
save("grey16.png", png(16, 0, [r.tobytes() for r in wide]), Image.fromarray(grey).convert("RGBA"))
wide = (np.dstack([grey, alpha]).astype(int) * 257).astype(">u2")
save("grey_alpha16.png", png(16, 4, [r.tobytes() for r in wide]), Image.fromarray(np.dstack([grey, alpha]), "LA").convert("RGBA"))
save("interlaced_exif3.png", png(8, 2, [r.tobytes() for r in rgb], chunk(b"eXIf", exif(3, False))))
last = png(8, 2, [r.tobytes() for r in rgb])
save("exif6_after_pixels.png", last[:-12] + chunk(b"eXIf", exif(6)) + last[-12:])
xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
save("xmp8.png", png(8, 2, [r.tobytes() for r in rgb], chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)))
raw = exif(5)
text = b"\nexif\n%8d\n" % (len(raw) + 6) + (b"Exif\0\0" + raw).hex().encode() + b"\n"
save("raw_profile5.png", png(8, 2, [r.tobytes() for r in rgb], chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))))
save("animated.png", pil("a.png", RGB, save_all=True, append_images=[Image.new("RGB", (W, H))]))

def app(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data

jpg = pil("a.jpg", RGB, quality=97, subsampling=0)
XMP = app(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<x:xmpmeta/>")
EXT = app(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40)
for o in range(1, 9):
    save(f"exif{o}.jpg", jpg[:2] + app(0xE1, b"Exif\0\0" + exif(o, o % 2 == 0)) + jpg[2:])
save("xmp_exif6.jpg", jpg[:2] + XMP + EXT + app(0xE2, b"ICC?") + app(0xFE, b"\xff\xda") + app(0xE1, b"Exif\0\0" + exif(6)) + jpg[2:])
save("xmp_only8.jpg", jpg[:2] + app(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) + jpg[2:])
save("progressive.jpg", pil("a.jpg", RGB, quality=97, subsampling=0, progressive=True))
save("grey.jpg", pil("a.jpg", Image.fromarray(grey), quality=97))
save("cmyk.jpg", pil("a.jpg", RGB.convert("CMYK"), quality=99))
cmyk = pil("a.jpg", RGB.convert("CMYK"), quality=99)
at = cmyk.index(b"\xff\xeeadobe".replace(b"adobe", b"")); n = struct.unpack(">H", cmyk[at + 2:at + 4])[0]
save("cmyk_not_adobe.jpg", cmyk[:at] + cmyk[at + 2 + n:])

save("lossy.webp", pil("a.webp", RGB, quality=90))
save("lossy_odd.webp", pil("a.webp", RGB.crop((0, 0, 13, 7)), quality=60))
save("lossy_line.webp", pil("a.webp", RGB.crop((0, 0, 1, 9)), quality=60))
save("lossy_alpha.webp", pil("a.webp", RGBA, quality=80))
save("lossless.webp", pil("a.webp", RGBA, lossless=True, exact=True))
save("exif7.webp", pil("a.webp", RGB, quality=90, exif=b"Exif\0\0" + exif(7)))
save("exif5_lossless.webp", pil("a.webp", RGB, lossless=True, exif=exif(5)))
save("animated.webp", pil("a.webp", RGB, save_all=True, append_images=[Image.new("RGB", (W, H))], quality=90))
save("animated_alpha.webp", pil("a.webp", RGBA, save_all=True, append_images=[Image.new("RGBA", (W, H))], quality=90))
# The first frame on a larger canvas.
still = pil("a.webp", RGB.crop((0, 0, 8, 6)), lossless=True)
vp8l = still[12:]
u24 = lambda v: struct.pack("<I", v)[:3]
frame = u24(2) + u24(3) + u24(7) + u24(5) + u24(100) + b"\0" + vp8l
frame = b"ANMF" + struct.pack("<I", len(frame)) + frame
body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x12\0\0\0" + u24(W - 1) + u24(H - 1) + b"ANIM" + struct.pack("<IIH", 6, 0, 0) + frame
canvas = Image.new("RGBA", (W, H)); canvas.paste(RGB.crop((0, 0, 8, 6)), (4, 6))
save("animated_part.webp", b"RIFF" + struct.pack("<I", len(body)) + body, canvas)


def gif(clear):
    b = b"GIF89a" + struct.pack("<HHBBB", W, H, 0x91, 1, 0) + bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    if clear:
        b += b"\x21\xf9\x04\x01\0\0\3\0"
    b += b"\x2c" + struct.pack("<HHHHB", 4, 3, 4, 4, 0)
    bits = []
    put = lambda v, n: bits.extend(v >> i & 1 for i in range(n))
    for i in range(16):
        if i % 2 == 0:
            put(4, 3)
        put(2, 3)
    put(5, 3)
    data = bytes(sum(v << j for j, v in enumerate(bits[i:i + 8])) for i in range(0, len(bits), 8))
    return b + b"\x02" + bytes([len(data)]) + data + b"\0\x3b"


canvas = Image.new("RGBA", (W, H)); canvas.paste((0, 0, 255, 255), (4, 3, 8, 7))
save("part.gif", gif(False), canvas)  # Pillow fills the rest with colour 0, browsers leave it clear
clear = Image.new("RGBA", (W, H), (9, 9, 9, 0)); clear.paste((0, 0, 255, 255), (4, 3, 8, 7))
save("part_clear.gif", gif(True), clear)
save("whole.gif", pil("a.gif", RGB.quantize(32)))


def bmp(size, bits, compression, pixels, extra=b"", masks=(), height=-H, palette=b""):
    info = struct.pack("<IiiHHIIiiII", size, W, height, 1, bits, compression, len(pixels), 0, 0, len(palette) // 4, 0)
    words = b"".join(struct.pack("<I", m) for m in masks)
    if size == 40:
        header = info + words
    else:
        header = (info + words).ljust(size, b"\0")
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + palette + pixels


FIELDS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
def quad(a):
    return np.dstack([rgb[..., ::-1], a]).astype(np.uint8).tobytes()
zero = np.zeros((H, W))
opaque = RGB.convert("RGBA")
for size in (56, 108, 124):
    save(f"fields_zero_{size}.bmp", bmp(size, 32, 3, quad(zero), masks=FIELDS), opaque)
    save(f"fields_alpha_{size}.bmp", bmp(size, 32, 3, quad(alpha), masks=FIELDS), RGBA)
save("rgb32.bmp", bmp(40, 32, 0, quad(alpha)), opaque)
save("rgb32_124.bmp", bmp(124, 32, 0, quad(zero), masks=FIELDS), opaque)
rgbx = np.dstack([zero, rgb[..., ::-1]]).astype(np.uint8).tobytes()
save("fields_other_order.bmp", bmp(40, 32, 3, rgbx, masks=(0xFF000000, 0xFF0000, 0xFF00)), opaque)
save("fields_no_alpha.bmp", bmp(124, 32, 3, quad(alpha), masks=FIELDS[:3] + (0,)), opaque)
r, g, b = (rgb[..., i].astype(int) for i in range(3))
v = ((r >> 3) << 11 | (g >> 2) << 5 | b >> 3).astype("<u2")
rows = b"".join(row.tobytes().ljust((W * 2 + 3) // 4 * 4, b"\0") for row in v)
save("rgb565.bmp", bmp(40, 16, 3, rows, masks=(0xF800, 0x7E0, 0x1F)))
v = ((r >> 3) << 10 | (g >> 3) << 5 | b >> 3).astype("<u2")
rows = b"".join(row.tobytes().ljust((W * 2 + 3) // 4 * 4, b"\0") for row in v)
save("rgb555.bmp", bmp(40, 16, 0, rows))
save("rgb24.bmp", pil("a.bmp", RGB))
save("palette.bmp", pil("a.bmp", RGB.quantize(200)))
save("bits.bmp", pil("a.bmp", Image.fromarray(grey).convert("1")))
save("grey.bmp", pil("a.bmp", Image.fromarray(grey)))
pal = b"".join(bytes([i * 60, 255 - i * 50, i * 20, 0]) for i in range(4))
index = ((x // 3 + y) % 4).astype(int)
runs = b""
for row in index[::-1]:
    i = 0
    while i < W:
        n = 1
        while i + n < W and row[i + n] == row[i]:
            n += 1
        runs += bytes([n, row[i]])
        i += n
    runs += b"\0\0"
save("rle8.bmp", bmp(40, 8, 1, runs + b"\0\1", height=H, palette=pal))
nibbles = b""
for row in index[::-1]:
    padded = list(row) + [0, 0, 0]
    nibbles += bytes([0, W]) + bytes(padded[i] << 4 | padded[i + 1] for i in range(0, W + 1, 2)).ljust((((W + 1) // 2) + 1) // 2 * 2, b"\0") + b"\0\0"
save("rle4.bmp", bmp(40, 4, 2, nibbles + b"\0\1", height=H, palette=pal))
