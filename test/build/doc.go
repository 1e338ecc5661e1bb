// Package build makes objects for tests, in the words of the domain:
//
//	build.Role("acme", "editor").Grants("App:View").GrantsIf("App:Edit", build.Equals("team", "red")).Obj()
//
// What a test does not care about has a value that the API server accepts. Obj returns a new copy each
// time, so a builder can be kept and built upon.
package build
