"""Tasks of chapters 2 to 18 in which a student writes a test."""

from __future__ import annotations

from book.course.mutants.marking import WrittenTest


class Reynolds(WrittenTest):
    """Test Reynolds operators."""

    label = "ex-02-mutants"
    chapter = "02"
    asks = r"""
A function takes the matrices of a representation of a finite group, an array of shape
$(\lvert G \rvert, d, d)$, and returns the Reynolds operator, shape $(d, d)$. Write
`catches(project)`, which returns True exactly if `project` is broken. The group has at most 24
elements, which come in any order; it need not be abelian, the basis need not be orthonormal, and
$d$ need not be $\lvert G \rvert$.
"""
    more = """
by_theorem = catches

def catches(project):
    # entries above one, and a group whose order is not the dimension
    natural = permutation_representation(symmetric(3)).matrices
    basis = np.array([[1.0, 3.0, -2.0], [0.0, 1.0, 4.0], [0.0, 0.0, 1.0]])
    matrices = np.linalg.inv(basis) @ natural @ basis
    mean = sum(matrices) / len(matrices)
    return by_theorem(project) or not np.allclose(project(matrices), mean)
"""


class Lifting(WrittenTest):
    """Test lifting layers."""

    label = "ex-03-mutants"
    chapter = "03"
    asks = """
A layer takes images, a float tensor of shape $(B, 1, m, m)$, to the four directions of $C_4$,
shape $(B, 4, m', m')$. Write `catches(layer)`, which returns True exactly if the layer is broken.
Correct is every layer that is equivariant under quarter turns, with `turn_image` and
`turn_features` as the actions, that treats each image of a batch alone, and that is not the same
for all images; it need not be that of the book. This has to hold for all sides $m$ from 8 to 32,
odd and even, and for all images.
"""


class CyclicDistance(WrittenTest):
    """Test quotient distances under cyclic shifts."""

    label = "ex-04-mutants"
    chapter = "04"
    asks = """
A function `d(x, y)` takes two tensors of codes, shape $(B, k, 6)$, and returns their quotient
distances under cyclic shifts of the last axis, shape $(B)$: for each pair the least Euclidean
distance between the first code and a shift of the second. Write `catches(d)`, which returns True
exactly if `d` is broken. Any $B$ and $k$ are allowed, and any real numbers.
"""
    more = """
by_kinds = catches

def catches(d):
    # the definition, pair by pair; a distance is more than zero or not zero
    draw = torch.Generator().manual_seed(2)
    x, y = torch.randn(2, 4, 3, 6, generator=draw, dtype=torch.float64)
    least = [min((a - b.roll(r, -1)).norm() for r in range(6)) for a, b in zip(x, y)]
    return by_kinds(d) or not torch.allclose(d(x, y), torch.stack(least))
"""


class CrossSection(WrittenTest):
    """Test isometric cross sections of type B."""

    label = "ex-05-mutants"
    chapter = "05"
    asks = """
A function takes codes, a float tensor of shape $(B, n)$, and returns for each its place in an
isometric cross section of type B, shape $(B, n)$. Write `catches(s)`, which returns True exactly
if `s` is broken. Correct is every isometric cross section, whichever chamber it leads to: the
value of a code lies in its orbit, it is the same along the orbit, and two values are as far apart
as the orbits. Each code of a batch is treated alone. All $n$ from 2 to 8, any $B$ and any real
numbers are allowed.
"""


class MaxFilters(WrittenTest):
    """Test max filters."""

    label = "ex-06-mutants"
    chapter = "06"
    asks = r"""
A function `s(W, z)` takes templates, shape $(m, k, n)$, and codes, shape $(B, k, n)$, and returns
the bank of max filters under cyclic shifts, shape $(B, m)$: for each code and template the largest
inner product of the template with a shift of the code. Write `catches(s)`, which returns True
exactly if `s` is broken. Any sizes and any real numbers are allowed.
"""
    more = """
by_questions = catches

def catches(s):
    # the definition, one by one, for entries of both signs and for negative products
    draw = torch.Generator().manual_seed(1)
    W, z = 2 * torch.randn(4, 2, 5, generator=draw), 2 * torch.randn(3, 2, 5, generator=draw)
    for templates, codes in ((W, z), (W.abs(), -z.abs())):
        best = [[max((w * c.roll(r, -1)).sum() for r in range(5)) for w in templates]
                for c in codes]
        if not torch.allclose(s(templates, codes), torch.tensor(best), atol=1e-4):
            return True
    return by_questions(s)
"""


class Relabelling(WrittenTest):
    """Test relabellings of padded graphs."""

    label = "ex-qm9-mutants"
    chapter = "07"
    asks = r"""
A function `relabel(a, A, p)` takes types of atoms, an integer tensor of shape $(B, 9)$ with values
0 to 4, bonds, shape $(B, 9, 9)$, symmetric with values 0 to 3 and zeros on the diagonal, and
permutations, shape $(B, 9)$. It returns types and bonds in the new order: what was at place $i$ of
graph $b$ is at place $p_{b,i}$. Write `catches(relabel)`, which returns True exactly if `relabel`
is broken. Each graph has a permutation of its own, and holes, of type 4, may stand anywhere.
"""
    errors = """
On a quarter of random batches or more, one in fifty of their types or bonds is wrong. Correct ones
make no error.
"""


class SoftCarrying(WrittenTest):
    """Test soft carrying."""

    label = "ex-08-mutants"
    chapter = "08"
    asks = r"""
Soft carrying takes a code $z$ of shape $(n)$, rows $X$ for the places, shape $(n, C)$, and a table
$Y$ for pairs of places, shape $(n, n)$, all float tensors. With the places $s$, which are the
numbers of $z$ in rising order, slot $i$ reads place $k$ with the weight

$$R_{ik} = \frac{\exp(-\lvert z_i - s_k \rvert / 0.05)}
{\sum_l \exp(-\lvert z_i - s_l \rvert / 0.05)} .$$

The function returns $RX$ and $R Y R^{\mathsf T}$. Write `catches(f)`, which returns True exactly
if `f`, called as `f(z, X, Y)`, is broken. Any $n$ and $C$ and any real numbers are allowed, with
numbers in $z$ far apart, near each other or equal.
"""
    errors = """
These return the right shapes, and on a quarter of ordinary inputs or more, some near each other and
some with ties, they are wrong by more than 0.01. Correct ones are right up to 0.00002. Where the
largest entry is above one, both numbers are multiplied by it.
"""
    more = """
by_cases = catches

def catches(f):
    # the formula, weight by weight, for numbers of both signs that nearly meet
    draw = torch.Generator().manual_seed(1)
    X, Y = 2 * torch.randn(4, 3, generator=draw), 2 * torch.randn(4, 4, generator=draw)
    for z in (torch.tensor([0.1, -0.03, 0.02, -0.1]), torch.tensor([-2.0, 1.0, 1.05, 3.0])):
        R = torch.stack([torch.exp(-(number - z.sort().values).abs() / 0.05) for number in z])
        R = R / R.sum(1, keepdim=True)
        for found, wanted in zip(f(z, X, Y), (R @ X, R @ Y @ R.T)):
            if not torch.allclose(found, wanted, atol=1e-3):
                return True
    return by_cases(f)
"""


class Paths(WrittenTest):
    """Test geodesics of the quotient."""

    label = "ex-09-mutants"
    chapter = "09"
    asks = r"""
A function `path(x, y, t)` takes two batches of codes, float tensors of shape $(B, n)$, and a time
$t \in [0, 1]$, and returns codes of the same shape. For each pair these are, at time $t$, on a
shortest path of constant speed from the orbit of $x$ to that of $y$ in the quotient by $S_n$.
Write `catches(path)`, which returns True exactly if `path` is broken. A correct path moves without
jumps, but which codes it takes out of the orbits is left to it: it need not agree with that of the
book. Each pair of a batch is treated alone. All $n$ from 2 to 8 and any real numbers are allowed.
"""


class FieldNetwork(WrittenTest):
    """Test networks to regular fields."""

    label = "ex-10-mutants"
    chapter = "10"
    asks = """
A network takes images, a float tensor of shape $(B, 1, m, m)$, to regular fields of $C_4$, shape
$(B, k, 4, m, m)$. Write `catches(network)`, which returns True exactly if the network is broken.
Correct is every network that is equivariant under quarter turns, with `turn` and `turn_field` as
the actions, that treats each image of a batch alone, and that is not the same for all images; it
need not be that of the book. This has to hold for all sides $m$ from 5 to 16 and for all images.
"""


class CircleDistance(WrittenTest):
    """Test quotient distances over the circle."""

    label = "ch11-ex-mutants"
    chapter = "11"
    asks = r"""
A function `d(x, y)` takes two tensors of codes, complex numbers of double precision of shape
$(B, k, F + 1)$, and returns their quotient distances over the circle, shape $(B)$. A turn by
$\theta$ multiplies the entries of frequency $f = 0, \dots, F$ by $e^{if\theta}$, and the distance
is the least Euclidean one over all turns of the second code. Write `catches(d)`, which returns
True exactly if `d` is broken. Any $B$ and $k$ are allowed, and $F$ from 1 to 3.
"""


class TurnTable(WrittenTest):
    """Test tables of codes of turned images."""

    label = "ex-12-mutants"
    chapter = "12"
    shipped = True
    asks = """
An orbit map `F(f, x)` takes an encoder `f`, a function from images $(B, H, H)$ to codes $(B, d)$
that treats each image alone, and images `x`, and returns a table of shape $(B, d, 4)$: column $r$
holds the code of the image turned back, clockwise, by $r$ quarter turns. Write `catches(F)`, which
returns True exactly if `F` is broken. Any $B$, $H$ and $d$ are allowed, and images of any real
numbers.
"""
    more = """
on_positive_images = catches

def catches(F):
    # images of both signs, turned by transposing and reversing
    x = 2 * torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(2))
    f = lambda x: x.flatten(1)[:, :3]
    columns = []
    for _ in range(4):
        columns.append(f(x))
        x = x.transpose(1, 2).flip(2)
    table = torch.stack(columns, dim=2)
    return on_positive_images(F) or not torch.allclose(F(f, x), table, atol=1e-5)
"""


class LieDerivatives(WrittenTest):
    """Test Lie derivatives."""

    label = "ex-13-mutants"
    chapter = "13"
    shipped = True
    asks = """
A function `L(f, x, A, B)` takes a differentiable map `f` from tensors $(N, d)$ to $(N, e)$ that
treats each row alone, points `x`, and matrices $A$, of shape $(d, d)$, and $B$, of shape $(e, e)$,
which generate the flows on inputs and outputs. It returns the Lie derivative of `f` at `x`, shape
$(N, e)$, with the sign of the chapter. Write `catches(L)`, which returns True exactly if `L` is
broken. Any $N$, $d$ and $e$ and any real numbers of double precision are allowed.
"""


class RelativeErrors(WrittenTest):
    """Test relative errors by spread."""

    label = "ch14-ex-mutants"
    chapter = "14"
    asks = r"""
A relative error by spread takes logits `y` and derivatives `L`, both arrays of shape $(B, K)$ with
one row for each image, and returns a number: the mean over images of the root mean square of the
derivatives, divided by the root mean square of what remains of the logits if the mean of every
class is subtracted. Write `catches(measure)`, which returns True exactly if `measure` is broken.
Any $B \ge 2$ and $K \ge 2$ are allowed, and any real numbers.
"""
    errors = """
On a quarter of ordinary inputs or more these are wrong by more than one hundredth of the value.
Correct ones are right up to 0.00002 of it.
"""


class LearnedWidths(WrittenTest):
    """Test what learns a width."""

    label = "ex-15-mutants"
    chapter = "15"
    shipped = True
    asks = r"""
An implementation `L(f, A, B, train, held, widths, u, reward)` takes a differentiable map `f` from
points $(\dots, d)$ to $(\dots, e)$ that treats each point alone, matrices $A$, of shape $(d, d)$,
and $B$, of shape $(e, e)$, training and held-out data, pairs of points $x$ and targets $y$, widths
and numbers $u$ between $-1$ and 1, both in one row, and a reward $\lambda$. The error of a width
$w$ on data is the mean over all $u$ and all points of
$\lVert e^{-uwB} f(e^{uwA} x) - y \rVert^2$, where a square is summed over the entries. It returns
two things: the slopes, for each width the derivative in $w$ of the training error less
$\lambda w$, and the width whose error on the held-out data is least. Write `catches(L)`, which
returns True exactly if `L` is broken. Any sizes and any real numbers of double precision are
allowed; for two widths the errors on held-out data are never the same.
"""
    errors = """
On a quarter of ordinary inputs or more these return a wrong width, or slopes that are wrong by more
than 0.001. Correct ones are right up to 0.00002. Where the largest slope is above one, both numbers
are multiplied by it.
"""


class Penalties(WrittenTest):
    """Test penalties on maps that are not equivariant."""

    label = "ex-16-mutants"
    chapter = "16"
    shipped = True
    asks = r"""
A function `penalty(f, x, q, v)` takes a differentiable map `f` from positions $(B, n, 3)$ to
positions that treats each state alone, states `x`, numbers `q`, of shape $(B, 4)$, and shifts
`v`, of shape $(B, 3)$. State $b$ is turned by the rotation $R_b$ of the quaternion
$q_b / \lVert q_b \rVert$, whose real part comes first, and shifted by $v_b$. Returned is the mean
over states of $\lVert f(R_b x_b + v_b) - (R_b f(x_b) + v_b) \rVert^2$, where a square is summed
over bodies and coordinates. Its gradient in parameters of `f` must be right too. Write
`catches(penalty)`, which returns True exactly if `penalty` is broken. Any $B$ and $n$ and any real
numbers of double precision are allowed.
"""
    errors = """
On a quarter of ordinary inputs or more these return a value that is wrong by more than 0.001, or
have such a gradient in the parameters. Correct ones are right up to 0.00002. Where the value or the
largest entry of the gradient is above one, both numbers are multiplied by it.
"""


class GroupConvolutions(WrittenTest):
    """Test convolutions on SE(2)."""

    label = "ex-17-mutants"
    chapter = "17"
    shipped = True
    asks = r"""
A function `conv(u, f, k, radius)` takes elements of $SE(2)$, rows $(x, y, \theta)$ of `u`, of
shape $(n, 3)$, with $\theta$ any real number; features `f`, of shape $(n)$; a kernel `k`, which
takes a tensor $(\dots, 3)$ to one of shape $(\dots)$, row by row; and a radius. It returns for
each $i$ the mean of $k(u_j^{-1} u_i)\, f_j$ over all $j$ whose point $(x, y)$ is at most the radius
away from that of $i$, $i$ itself included. The element $(x, y, \theta)$ takes a point $p$ to
$R_\theta p + (x, y)$, and $u_j^{-1} u_i$ is handed to `k` as three such numbers with its angle in
$(-\pi, \pi]$. Write `catches(conv)`, which returns True exactly if `conv` is broken. Any $n$ and
any real numbers of double precision are allowed; no distance is as good as equal to the radius, and
no angle of $u_j^{-1} u_i$ to $\pi$.
"""


class Rerendering(WrittenTest):
    """Test losses of re-rendering."""

    label = "ex-18-mutants"
    chapter = "18"
    shipped = True
    asks = r"""
Pictures are rows of $n$ numbers on a circle; a turn by $k$ steps takes what is at place $i$ to
place $i + k$. A function `loss(f, d, x, j, k)` takes an encoder `f` from pictures $(B, n)$ to codes
$(B, C, n)$ and a decoder `d` back, which treat each picture alone, pictures `x`, and whole numbers
`j` and `k`, both of shape $(B)$ and not negative. Picture $b$ is turned by $j_b$ steps and encoded,
all rows of its code are shifted by $k_b$ places in the same sense, and it is decoded; returned is
the mean over pictures of the squared distance from the picture turned by $j_b + k_b$ steps. Write
`catches(loss)`, which returns True exactly if `loss` is broken. Any $B$, $C$ and $n$ and any real
numbers of double precision are allowed.
"""
