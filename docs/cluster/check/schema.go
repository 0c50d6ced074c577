// Package check validates the manifests of docs/cluster as strictly as a Kubernetes server does: with the schemas of the custom
// resources that the MPI Operator and Kubeflow Trainer publish in their modules. It is a module of its own, so that Bestiary
// doesn't depend on them.
package check

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// schema is that of a custom resource in one version.
type schema struct {
	structural *structuralschema.Structural
	fields     validation.SchemaValidator
	rules      *cel.Validator
}

// readSchema reads the definition of a custom resource from a file of a module that go.mod names.
func readSchema(module, file, version string) (*schema, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m %s: %w", module, err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), filepath.FromSlash(file)))
	if err != nil {
		return nil, err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &definition); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, v := range definition.Spec.Versions {
		if v.Name == version {
			return newSchema(v.Schema.OpenAPIV3Schema)
		}
	}
	return nil, fmt.Errorf("%s has no version %s", file, version)
}

func newSchema(published *apiextensionsv1.JSONSchemaProps) (*schema, error) {
	var properties apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(published, &properties, nil); err != nil {
		return nil, err
	}
	var s schema
	var err error
	if s.structural, err = structuralschema.NewStructural(&properties); err != nil {
		return nil, err
	}
	if s.fields, _, err = validation.NewSchemaValidator(&properties); err != nil {
		return nil, err
	}
	s.rules = cel.NewValidator(s.structural, true, celconfig.PerCallLimit)
	return &s, nil
}

// validate returns what a server would say to an object: unknown fields, wrong or missing values, broken rules.
func (s *schema) validate(object map[string]any) (wrong []string) {
	options := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object, s.structural, true, options) {
		wrong = append(wrong, "unknown field "+path)
	}
	defaulting.Default(object, s.structural)
	for _, err := range validation.ValidateCustomResource(nil, object, s.fields) {
		wrong = append(wrong, err.Error())
	}
	broken, _ := s.rules.Validate(context.Background(), nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	for _, err := range broken {
		wrong = append(wrong, err.Error())
	}
	return wrong
}
