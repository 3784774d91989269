"""Cases of embeddings, positions held by tensors, and recurrent layers, and their generator:
`python sequences.py [GROUP...]` writes one zip a group as generate.py does."""

import os
import sys
import zipfile

import torch
from torch import nn

from cases import Case, Lambda
from generate import HERE, write_case

CASES = []


def case(group, name, module, *inputs, **options):
    CASES.append(Case(group, name, module, inputs, **options))


def positions():
    tokens = torch.randint(0, 11, (3, 5))
    case("positions", "embedding", nn.Embedding(11, 6), tokens, further_batch=7)
    case("positions", "embedding_padding", nn.Embedding(11, 7, padding_idx=2), torch.tensor([[2, 1, 2], [0, 2, 10]]))
    case("positions", "embedding_negative_padding", nn.Embedding(5, 3, padding_idx=-1), torch.tensor([[4, 1], [0, 4]]),
         static=False)
    case("positions", "embedding_wide", nn.Embedding(301, 33), torch.randint(0, 301, (4, 9)), static=False)
    case("positions", "embedding_int32", nn.Embedding(11, 6), tokens.int(), static=False)
    case("positions", "embedding_double", nn.Embedding(11, 6), tokens, double=True, static=False)
    case("positions", "embedding_pooled", Lambda(lambda m, x: m.fc(m.table(x).mean(1)), table=nn.Embedding(11, 6),
                                                 fc=nn.Linear(6, 4)), tokens)
    tied = Lambda(lambda m, x: m.table(x) @ m.table.weight.t(), table=nn.Embedding(11, 6))
    case("positions", "embedding_tied", tied, tokens, static=False)
    x = torch.randn(3, 4, 5)
    select = torch.tensor([2, 0, 2, 3, 1])
    case("positions", "index_select", Lambda(lambda _, x: torch.index_select(x, 1, torch.tensor([2, 0, 2]))), x)
    case("positions", "index_select_last", Lambda(lambda _, x: torch.index_select(x, 2, torch.tensor([4, 4, 1, 0]))), x,
         static=False)
    case("positions", "index_select_input", Lambda(lambda m, i: torch.index_select(m.x, 0, i), x=nn.Parameter(torch.randn(4, 3))),
         select, static=False)
    case("positions", "index_negative", Lambda(lambda _, x: x[:, [-1, 0, 2]]), x, static=False)
    case("positions", "index_matrix", Lambda(lambda _, x: x[:, :, torch.tensor([[0, 1], [4, 3]])]), x, static=False)
    case("positions", "gather", Lambda(lambda _, x, i: x.gather(2, i)), x, torch.randint(0, 5, (3, 4, 2)))
    case("positions", "gather_middle", Lambda(lambda _, x, i: x.gather(1, i)), x, torch.randint(0, 4, (3, 6, 5)), static=False)
    case("positions", "gather_smaller", Lambda(lambda _, x, i: x.gather(1, i)), x, torch.randint(0, 4, (2, 3, 4)), dynamic=False)


class Sequence(nn.Module):
    """A recurrent layer; returns everything that it returns, flat."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, *states):
        if isinstance(self.layer, nn.LSTM):
            y, (h, c) = self.layer(x, states) if states else self.layer(x)
            return y, h, c
        y, h = self.layer(x, *states)
        return y, h


class Classifier(nn.Module):
    """Tokens, embedding, a recurrent layer, its last output, classes."""

    def __init__(self, layer, width):
        super().__init__()
        self.embedding = nn.Embedding(19, 8, padding_idx=0)
        self.layer = layer
        self.head = nn.Linear(width, 5)

    def forward(self, tokens):
        y, _ = self.layer(self.embedding(tokens))
        return self.head(y[:, -1])


def recurrent():
    kinds = {
        "lstm": lambda *a, **k: nn.LSTM(*a, **k), "gru": lambda *a, **k: nn.GRU(*a, **k),
        "rnn_tanh": lambda *a, **k: nn.RNN(*a, **k), "rnn_relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
    }
    for name, make in kinds.items():
        x = torch.randn(3, 5, 6)
        case("recurrent", name, Sequence(make(6, 7, batch_first=True)), x, further_batch=13)
        case("recurrent", name + "_time_first", Sequence(make(6, 16)), x, dynamic=False)
        case("recurrent", name + "_no_bias", Sequence(make(6, 5, bias=False, batch_first=True)), x, static=False)
        case("recurrent", name + "_layers", Sequence(make(6, 9, num_layers=2, batch_first=True)), x, static=False)
        case("recurrent", name + "_bidirectional", Sequence(make(6, 5, bidirectional=True, batch_first=True)), x, static=False)
        case("recurrent", name + "_layers_bidirectional",
             Sequence(make(6, 20, num_layers=2, bidirectional=True, batch_first=True)), x, static=False, further_batch=14)
        states = [torch.randn(4, 3, 5) for _ in range(2 if name == "lstm" else 1)]
        case("recurrent", name + "_states", Sequence(make(6, 5, num_layers=2, bidirectional=True)), torch.randn(4, 3, 6), *states,
             dynamic=False)
        case("recurrent", name + "_unbatched", Sequence(make(6, 5)), torch.randn(4, 6), dynamic=False)
        case("recurrent", name + "_double", Sequence(make(6, 11, batch_first=True)), x, double=True, static=False)
        case("recurrent", name + "_dropout_eval", Sequence(make(6, 5, num_layers=2, dropout=0.5, batch_first=True)), x,
             static=False)
        case("recurrent", name + "_one_step", Sequence(make(6, 5, batch_first=True)), torch.randn(3, 1, 6), static=False)
        case("recurrent", name + "_classifier", Classifier(make(8, 33, batch_first=True), 33), torch.randint(0, 19, (3, 6)))
        case("recurrent", name + "_classifier_bidirectional",
             Classifier(make(8, 12, num_layers=2, bidirectional=True, batch_first=True), 24), torch.randint(0, 19, (2, 7)),
             static=False)
    case("recurrent", "lstm_dropout_p0_train", Sequence(nn.LSTM(6, 5, num_layers=2, dropout=0.0, batch_first=True)),
         torch.randn(3, 4, 6), train=True, static=False)


GROUPS = {"positions": positions, "recurrent": recurrent}


def main(groups, names):
    for name, group in groups.items():
        if names and name not in names:
            continue
        torch.manual_seed(0)
        CASES.clear()
        group()
        with zipfile.ZipFile(os.path.join(HERE, name + ".zip"), "w") as archive:
            for member in CASES:
                try:
                    write_case(archive, member)
                except Exception as error:
                    print(f"{name}/{member.name}: {error}")
        print(f"{name}: {len(CASES)} cases")


if __name__ == "__main__":
    main(GROUPS, sys.argv[1:])
