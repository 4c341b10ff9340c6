package render

import (
	"fmt"
	"os"
	"path"

	"colchis/sdk"
	"colchis/sdk/renderer"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// overlay lays the configuration over the kustomization in a folder of the copied files.
func (c *Config) overlay(files filesys.FileSystem, folder, name string, request *renderer.Request) error {
	if c == nil {
		return nil
	}
	text, err := files.ReadFile(path.Join(folder, name))
	if err != nil {
		return err
	}
	var kustomization types.Kustomization
	if err := yaml.UnmarshalStrict(text, &kustomization); err != nil {
		return sdk.Failed("bad-kustomization", "%s cannot be read: %v", name, err)
	}
	kustomization.FixKustomization()
	if c.NamePrefix != "" {
		kustomization.NamePrefix = c.NamePrefix
	}
	if c.NameSuffix != "" {
		kustomization.NameSuffix = c.NameSuffix
	}
	if c.Namespace != "" {
		kustomization.Namespace = c.Namespace
	}
	for _, text := range c.Images {
		changed, err := image(text)
		if err != nil {
			return err
		}
		kustomization.Images = replaced(kustomization.Images, changed, func(one types.Image) bool { return one.Name == changed.Name })
	}
	for _, replica := range c.Replicas {
		changed := types.Replica{Name: replica.Name, Count: replica.Count}
		kustomization.Replicas = replaced(kustomization.Replicas, changed, func(one types.Replica) bool { return one.Name == changed.Name })
	}
	if err := c.labels(&kustomization); err != nil {
		return err
	}
	if err := c.annotations(&kustomization, request.Release.Environment); err != nil {
		return err
	}
	for _, patch := range c.Patches {
		kustomization.Patches = append(kustomization.Patches, patch.made())
	}
	for i, component := range c.Components {
		if !files.Exists(path.Join(folder, component)) {
			if c.IgnoreMissingComponents {
				continue
			}
			return sdk.Invalid(fmt.Sprintf("components[%d]", i), "there is no folder `%s`; correct the path, or set ignoreMissingComponents", component)
		}
		kustomization.Components = append(kustomization.Components, component)
	}
	made, err := yaml.Marshal(kustomization)
	if err != nil {
		return sdk.Failed("bad-kustomization", "%s cannot be written: %v", name, err)
	}
	return files.WriteFile(path.Join(folder, name), made)
}

func replaced[T any](list []T, changed T, same func(T) bool) []T {
	for i, one := range list {
		if same(one) {
			list[i] = changed
			return list
		}
	}
	return append(list, changed)
}

func (c *Config) labels(kustomization *types.Kustomization) error {
	if len(c.CommonLabels) == 0 {
		return nil
	}
	if c.LabelWithoutSelector {
		if !c.ForceCommonLabels {
			for _, label := range kustomization.Labels {
				if err := conflict("commonLabels", label.Pairs, c.CommonLabels, "forceCommonLabels"); err != nil {
					return err
				}
			}
		}
		// The later of two that set one label wins.
		kustomization.Labels = append(kustomization.Labels, types.Label{Pairs: c.CommonLabels, IncludeTemplates: c.LabelIncludeTemplates})
		return nil
	}
	if !c.ForceCommonLabels {
		if err := conflict("commonLabels", kustomization.CommonLabels, c.CommonLabels, "forceCommonLabels"); err != nil {
			return err
		}
	}
	kustomization.CommonLabels = over(kustomization.CommonLabels, c.CommonLabels)
	return nil
}

func (c *Config) annotations(kustomization *types.Kustomization, environment map[string]string) error {
	added := map[string]string{}
	for name, value := range c.CommonAnnotations {
		if c.CommonAnnotationsEnvsubst {
			value = os.Expand(value, func(name string) string { return environment[name] })
		}
		added[name] = value
	}
	if !c.ForceCommonAnnotations {
		if err := conflict("commonAnnotations", kustomization.CommonAnnotations, added, "forceCommonAnnotations"); err != nil {
			return err
		}
	}
	kustomization.CommonAnnotations = over(kustomization.CommonAnnotations, added)
	return nil
}

// conflict says which name is there already.
func conflict(field string, there, added map[string]string, force string) error {
	for name := range added {
		if _, ok := there[name]; ok {
			return sdk.Invalid(field+"."+name, "the kustomization sets it already; take it out, or set %s", force)
		}
	}
	return nil
}

func over(there, added map[string]string) map[string]string {
	if there == nil && len(added) > 0 {
		there = map[string]string{}
	}
	for name, value := range added {
		there[name] = value
	}
	return there
}

func (p Patch) made() types.Patch {
	made := types.Patch{Path: p.Path, Patch: p.Patch}
	if p.Target != nil {
		made.Target = &types.Selector{LabelSelector: p.Target.LabelSelector, AnnotationSelector: p.Target.AnnotationSelector}
		made.Target.Group, made.Target.Version, made.Target.Kind = p.Target.Group, p.Target.Version, p.Target.Kind
		made.Target.Name, made.Target.Namespace = p.Target.Name, p.Target.Namespace
	}
	if len(p.Options) > 0 {
		made.Options = &types.PatchArgs{AllowNameChange: p.Options["allowNameChange"], AllowKindChange: p.Options["allowKindChange"]}
	}
	return made
}
