"""Pictures that tell which they are: a slope, a disc that wanders, and their number in blocks along the upper edge."""
import numpy

WIDTH, HEIGHT, BITS, BLOCK = 320, 240, 12, 20


def luma(number):
    x, y = numpy.meshgrid(numpy.arange(WIDTH), numpy.arange(HEIGHT))
    picture = (60 + x * 100 / WIDTH).astype(numpy.uint8)
    cx, cy = WIDTH / 2 + 80 * numpy.sin(number / 10), 140 + 50 * numpy.cos(number / 10)
    picture[(x - cx) ** 2 + (y - cy) ** 2 < 35 ** 2] = 210
    for bit in range(BITS):
        left = 30 + bit * BLOCK
        picture[0:BLOCK, left:left + BLOCK] = 235 if number >> bit & 1 else 16
    return picture


def i420(number):
    """Y, U and V below one another, as PyAV takes them."""
    colour = numpy.full((HEIGHT // 2, WIDTH), 120, numpy.uint8)
    return numpy.vstack([luma(number), colour])


def number_of(picture):
    """Of the Y plane; None when the blocks cannot be told."""
    number = 0
    for bit in range(BITS):
        left = 30 + bit * BLOCK
        level = picture[4:BLOCK - 4, left + 4:left + BLOCK - 4].mean()
        if 80 < level < 170:
            return None
        number |= (level >= 170) << bit
    return int(number)


def psnr(a, b):
    error = numpy.mean((a.astype(float) - b.astype(float)) ** 2)
    return 100.0 if error == 0 else float(10 * numpy.log10(255 ** 2 / error))
