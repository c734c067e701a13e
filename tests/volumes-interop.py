#!/usr/bin/env python3
"""volumes-interop.py FACIES VOLUME.tif: writes the volume in every format and reads it with programs that are not ours.

Needs numpy, tifffile, SimpleITK, vtk and pynrrd; not part of make check. Says what differs; exit status 1 then.
"""
import os
import subprocess
import sys
import tempfile

import nrrd
import numpy as np
import SimpleITK as sitk
import tifffile
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SPACING = (0.5, 0.25, 2.0)
failures = 0


def check(name, array, spacing=SPACING):
    global failures
    good = array.shape == want.shape and (array == want).all() and np.allclose(spacing, SPACING)
    print("equal" if good else "DIFFERS", name)
    failures += not good


def vtk_image(reader, path):
    reader.SetFileName(path)
    reader.Update()
    image = reader.GetOutput()
    values = image.GetPointData().GetScalars() or image.GetCellData().GetScalars()
    return vtk_to_numpy(values).reshape(want.shape), image.GetSpacing()


facies, source = sys.argv[1:3]
want = tifffile.imread(source)
with tempfile.TemporaryDirectory() as folder:
    def made(name, *options):
        path = os.path.join(folder, name)
        subprocess.run([facies, "convert", source, path, "--voxel", "0.5x0.25x2", "--unit", "um", *options], check=True)
        return path

    with tifffile.TiffFile(made("v.tif")) as t:
        x, y = (t.pages[0].tags[k].value for k in ("XResolution", "YResolution"))
        check("tifffile", t.asarray(), (x[1] / x[0], y[1] / y[0], t.imagej_metadata["spacing"]))
    data, header = nrrd.read(made("v.nrrd"))
    check("pynrrd", data.T, np.diag(header["space directions"]))
    for name in ("v.nrrd", "v.mha", "v.mhd"):
        image = sitk.ReadImage(made(name))
        check("ITK " + name, sitk.GetArrayFromImage(image), image.GetSpacing())
    check("VTK .vti", *vtk_image(vtk.vtkXMLImageDataReader(), made("v.vti")))
    check("VTK .vti, cells", *vtk_image(vtk.vtkXMLImageDataReader(), made("c.vti", "--cells")))
    check("VTK .mhd", *vtk_image(vtk.vtkMetaImageReader(), made("v.mhd")))
    check("NumPy .npy", np.load(made("v.npy")))
    check("NumPy .raw", np.fromfile(made("r.raw"), want.dtype).reshape(want.shape))
sys.exit(failures > 0)
