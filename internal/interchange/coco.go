package interchange

import (
	"fmt"
	"strings"
)

// cocoNames are the classes of COCO by their ids from 1, "" for ids that are not used.
const cocoNames = "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,,stop sign," +
	"parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,,backpack,umbrella,,," +
	"handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard," +
	"surfboard,tennis racket,bottle,,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange," +
	"broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,,dining table,,,toilet,,tv," +
	"laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,,book,clock,vase," +
	"scissors,teddy bear,hair drier,toothbrush"

// COCOClasses returns the names of the classes of a detector and their ids, if it has as many as COCO: 90 as torchvision counts them, where
// ids that are not used have names such as "unused 12", or 80 as matterport's Mask_RCNN does. For other numbers of classes it returns nil:
// files have no names.
func COCOClasses(classes int) (names []string, ids []int64) {
	all := strings.Split(cocoNames, ",")
	whole := classes == len(all)
	for i, name := range all {
		if name == "" && whole {
			name = fmt.Sprintf("unused %d", i+1)
		}
		if name != "" {
			names, ids = append(names, name), append(ids, int64(i+1))
		}
	}
	if classes != len(names) {
		return nil, nil
	}
	return names, ids
}
