package stage

import (
	"context"
	"fmt"
	"net/http"
)

// Tuple is what OpenFGA says of a tuple. Condition is nil where it has none.
type Tuple struct {
	Object, Relation, User string
	Condition              *struct{ Context map[string]any }
}

// Tuples reads all that the one store of an OpenFGA server holds, as any application can.
func Tuples(ctx context.Context, url string) (all []Tuple, err error) {
	var stores struct{ Stores []struct{ ID string } }
	if err := Call(ctx, http.DefaultClient, http.MethodGet, url+"/stores", "", nil, &stores); err != nil {
		return nil, err
	}
	if len(stores.Stores) != 1 {
		return nil, fmt.Errorf("there are %d stores", len(stores.Stores))
	}
	for token := ""; ; {
		var page struct {
			Tuples []struct{ Key Tuple }
			Token  string `json:"continuation_token"`
		}
		request := map[string]any{"page_size": 100, "continuation_token": token}
		if err := Call(ctx, http.DefaultClient, http.MethodPost, url+"/stores/"+stores.Stores[0].ID+"/read", "", request, &page); err != nil {
			return nil, err
		}
		for _, tuple := range page.Tuples {
			all = append(all, tuple.Key)
		}
		if token = page.Token; token == "" {
			return all, nil
		}
	}
}
