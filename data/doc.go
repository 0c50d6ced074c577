// Package data loads pictures with their classes and captions, and makes batches of them.
//
// A layout lists the pictures of a folder or file as a [Source]: [Folder] (one sub-folder a class), [Pairs] (pictures and
// .txt files of the same names), and the packages pets, cub and webdataset. [Load] decodes the pictures of a source in
// parallel, resizes them to one size and keeps them in memory as a [Dataset]. A [Loader] makes batches of a Dataset, in
// an order that depends on the seed alone. Package source recognises the layout at a path.
//
// # Formats
//
// Pictures are JPEG (grey, RGB, CMYK, YCCK), PNG, GIF, WebP and BMP, recognised by content; of an animation, the first frame.
// They are turned upright by their Exif or XMP data. See [Decode].
// Captions are text in UTF-8 or UTF-16, one a line; see [DecodeText]. Blanks at their ends are removed, and lines without a
// visible character are left out.
//
// A decoded picture is uint8, channels last: pixel (y, x) of an S×S picture starts at (y·S+x)·C. C is 3 (RGB), or 4 (RGBA
// with straight alpha) with [Options].Channels 4. Batches are float32 [N, S, S, C] in [-1, 1].
//
// # Randomness
//
// The order of an epoch, the augmentation of a picture and the choice of its caption come from Philox 4×32-10 ([Philox]).
// They depend on the seed, the epoch and the index, not on what was drawn before. So a training resumes exactly.
package data
