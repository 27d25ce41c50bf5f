"""The properties of the molecules of QM9: names, units and where they come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from utils._checks import check_choice

__all__ = ["PROPERTIES", "Property", "property_indices"]

_EV_PER_HARTREE = 27.211386245988  # CODATA 2018


@dataclass(frozen=True)
class Property:
    """A scalar property of a molecule.

    Attributes
    ----------
    name : str
        The name used throughout the book.
    unit : str
        Its unit, or an empty string for counts.
    description : str
        What it is, in one line.
    column : str
        Column of qm9pack that holds it; empty if it is read off the graph.
    scale : float
        Factor from the column's unit to `unit`.
    """

    name: str
    unit: str
    description: str
    column: str = ""
    scale: float = 1.0


def _energy(name: str, description: str, column: str) -> Property:
    return Property(name, "eV", description, column, _EV_PER_HARTREE)


PROPERTIES: tuple[Property, ...] = (
    Property("heavy_atoms", "", "number of atoms other than hydrogen"),
    Property("rings", "", "number of independent cycles of the graph: bonds - atoms + 1"),
    Property("dipole", "D", "dipole moment", "Dipole_debye"),
    Property("polarisability", "bohr^3", "isotropic polarisability", "Polarizability_bohr3"),
    _energy("homo", "energy of the highest occupied orbital", "HOMO_au"),
    _energy("lumo", "energy of the lowest unoccupied orbital", "LUMO_au"),
    _energy("gap", "lumo minus homo", "HOMO_LUMO_gap_au"),
    Property("spatial_extent", "bohr^2", "electronic spatial extent", "R2_bohr2"),
    _energy("zpve", "zero-point vibrational energy", "ZPVE_au"),
    _energy("internal_energy_0K", "internal energy at 0 K", "InternalEnergy_0K_au"),
    _energy("internal_energy", "internal energy at 298.15 K", "InternalEnergy_298K_au"),
    _energy("enthalpy", "enthalpy at 298.15 K", "Enthalphy_298K_au"),
    _energy("free_energy", "Gibbs free energy at 298.15 K", "GibbsFreeEnergy_298K_au"),
    Property(
        "heat_capacity",
        "cal/(mol K)",
        "heat capacity at constant volume, 298.15 K",
        "Heatcapacity_Cv_cal_mol_K",
    ),
    Property("rotational_a", "GHz", "rotational constant A (0 if linear)", "RotA_GHz"),
    Property("rotational_b", "GHz", "rotational constant B", "RotB_GHz"),
    Property("rotational_c", "GHz", "rotational constant C", "RotC_GHz"),
)
"""The properties, in the order of the columns of ``DenseGraphs.properties``.

Energies are in electron volts. They are kept in single precision, which resolves the total
energies (about -10,000 eV) to a thousandth of an electron volt.
"""


def property_indices(names: str | Iterable[str]) -> list[int]:
    """Return the columns of properties: the position of each name in :data:`PROPERTIES`.

    Examples
    --------
    >>> property_indices("gap"), property_indices(["dipole", "rings"])
    ([6], [2, 1])
    """
    known = [p.name for p in PROPERTIES]
    wanted = [names] if isinstance(names, str) else list(names)
    return [known.index(check_choice(name, "The property", known)) for name in wanted]
