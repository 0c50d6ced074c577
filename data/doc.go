// Package data turns folders of pictures into batches.
//
// A layout (packages pets, cub and webdataset, [Folder], [Pairs]) lists its pictures as a [Source]; [Load] decodes them in parallel to one
// size and keeps them in memory as a [Dataset]; a [Loader] walks a Dataset in an order that depends on a seed alone and hands out batches of
// float32 pixels. Package source picks the layout that a path holds.
//
// Pictures are RGB, uint8, channels last: pixel (y, x) of an S×S picture begins at (y·S+x)·3. Batches are [N, S, S, 3] in [-1, 1]. With
// [Options].Channels 4 they are RGBA. Where pictures have captions, [Loader.Caption] chooses one of them for each picture and epoch.
package data
