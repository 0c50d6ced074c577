// Package hub writes the models of a run as a folder of the Hugging Face Hub, and reads such a folder.
//
//	config.json        sizes of the models, options of their training, description of the data
//	model.safetensors  the weights of all models, each name below that of its kind: "flow.couplings.0.…"
//	tokenizer.json     if a model reads captions
//	README.md          the model card: metadata as YAML, what the models are, figures and pictures
//	images/            pictures of the card
//	.gitattributes     which files Git LFS keeps
//
// The Hub defines the card's metadata: https://huggingface.co/docs/hub/model-cards. Paths of the machine that trained the models
// are left out.
package hub
