package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Call sends JSON as an application in any language would, without any library of the server's, and reads
// the answer into something, unless it has no content. The key is shown unless it is empty. Whatever is no
// success is an error.
func Call(ctx context.Context, through *http.Client, method, url, key string, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := through.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusCreated:
		return json.Unmarshal(answer, into)
	case http.StatusNoContent:
		return nil
	default:
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, answer)
	}
}
