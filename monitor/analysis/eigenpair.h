#pragma once

#include <Eigen/Core>

#include "analysis/linear_operator.h"
#include "azimuth/observation.h"

namespace azimuth {

/// The eigenpair of `R` whose vector is closest to the line of `direction`: to the eigenvector's
/// line, or for a complex pair (given with a positive imaginary part) to the real plane that it
/// spans (docs/method.md, 4). Arnoldi from the direction itself, up to 200 vectors, or until the
/// closest pair of all that the space holds has a residual of 1e-6, and what pairs of such
/// residuals leave of the direction is less than its own share. The pair is the closest of those
/// that converged (1e-3), and where none did the one that came nearest to it. The residual is |R x
/// − λ x| / (|λ| |x|). NaN where R is not finite. `span`, if not null, receives orthonormal
/// columns, one or two, that span the line or plane; nothing where there is no pair.
DecayEigenpair closest_eigenpair(const LinearOperator& R, const Eigen::VectorXd& direction,
                                 Eigen::MatrixXd* span = nullptr);

}  // namespace azimuth
