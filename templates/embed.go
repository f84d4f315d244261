// Package templates is ready-made content per industry, as bundles that `koi apply` takes. They are data:
// the package refuses to know what they mean. Starter is what a Koi without any definition begins with.
package templates

import _ "embed" // the bundles below

// StarterFile is the starter's path in the repository, as messages about it call it.
const StarterFile = "templates/b2b-saas.yaml"

// Starter is the bundle for B2B software companies: fields, tags, scores, stages, journeys and messages.
//
//go:embed b2b-saas.yaml
var Starter []byte
